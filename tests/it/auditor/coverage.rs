//! How often each rule and sub-case was met.

use std::collections::BTreeMap;

/// Every case the auditor can count, so that one never met shows as zero.
pub(crate) const CASES: &[&str] = &[
    "B12.one_part",
    "B12.split",
    "B21.not_approved",
    "B29.spin",
    "R0.clock_held",
    "R0.late",
    "R0.partition_overtakes",
    "R1.accrue",
    "R1.catalogue",
    "R1.overflow",
    "R1.promotion",
    "R1.promotion_cap",
    "R1.promotion_edge",
    "R1.promotion_max",
    "R1.promotion_multiply",
    "R1.real_only",
    "R1.tier_multiplier",
    "R1.unknown_game",
    "R1.weight",
    "R1.zero_points",
    "R2.base_currency",
    "R2.conflict",
    "R2.duplicate",
    "R2.fx_rate",
    "R2.missing_fx",
    "R2.on_event",
    "R2.other_amount",
    "R2.rate",
    "R3.midnight_bet",
    "R3.out_of_window",
    "R3.size",
    "R3.zone_day",
    "R4.confirm_at_timeout",
    "R4.event_at_rollover",
    "R4.odd_day",
    "R4.until_at_timer",
    "R5.at_threshold",
    "R5.level_up",
    "R5.no_second_level_up",
    "R5.regained_lost",
    "R5.two_steps",
    "R5.upgrade",
    "R5.withheld_lost",
    "R6.decay",
    "R6.grace",
    "R6.saved",
    "R6.tenure",
    "R6.tier_at_risk",
    "R6.tier_at_risk_again",
    "R6.tier_at_risk_hidden",
    "R6.to_fit_steps",
    "R7.corrected",
    "R7.corrected_after_void",
    "R7.corrected_emptied",
    "R7.corrected_up",
    "R7.demoted",
    "R7.demoted_steps",
    "R7.emptied_by_part",
    "R7.negative_available",
    "R7.partial",
    "R7.review",
    "R7.spin",
    "R7.void_again",
    "R7.void_above_stake",
    "R7.void_zero",
    "R7.whole",
    "R8.conflict",
    "R8.conflict.bet_id",
    "R8.conflict.event_id",
    "R8.duplicate",
    "R8.duplicate.bet_id",
    "R8.duplicate.event_id",
    "R8.duplicate.payment_id",
    "R8.duplicate.redemption_id",
    "R8.duplicate.request_id",
    "R8.duplicate.session_id",
    "R8.duplicate.win_id",
    "R8.forgotten",
    "R8.forgotten_bet",
    "R8.not_open_again",
    "R8.retry_of_refused",
    "R9.at_history_edge",
    "R9.emptied_by_others",
    "R9.too_late",
    "R9.too_late_payment",
    "R9.unmatched",
    "R9.waiting",
    "R9.waiting_corrected",
    "R9.waiting_part",
    "R9.waiting_whole",
    "R10.late_bet",
    "R10.late_upgrade",
    "R11.activity",
    "R11.expired",
    "R11.reminder",
    "R12.adjust_minus",
    "R12.adjust_plus",
    "R12.adjust_refused",
    "R12.block",
    "R12.cancel",
    "R12.cancel_not_open",
    "R12.confirm",
    "R12.confirm_not_open",
    "R12.insufficient_points",
    "R12.not_a_multiple",
    "R12.timeout",
    "R13.ceiling",
    "R13.end",
    "R13.exact",
    "R13.floor",
    "R13.hidden_step",
    "R13.none",
    "R13.published",
    "R13.replaced",
    "R13.step_2_first",
    "R13.unknown_tier",
    "R13.until_passed",
    "R14.no_player",
    "R14.no_player_duplicate",
    "R14.quiet",
    "R14.unknown_brand",
    "R16.conflict",
    "R16.duplicate",
    "R16.forced_gone",
    "R16.lost_dropped",
    "R16.many_programmes",
    "R16.published",
    "R16.refused",
    "R16.step_down",
    "R16.step_up",
    "R16.switch",
    "R16.tier_gone",
    "R16.weight_by_bet_time",
    "R17.beyond_until",
    "R17.profile",
    "S3.blank",
    "S3.bom",
    "S3.brand",
    "S3.duplicate_key",
    "S3.malformed_field",
    "S3.missing_field",
    "S3.not_an_object",
    "S3.not_json",
    "S3.not_utf8",
    "S3.too_deep",
    "S3.unknown_type",
];

/// A table of counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    pub(crate) fn hit(&mut self, case: &'static str) {
        debug_assert!(CASES.contains(&case), "{case} is not in the table");
        *self.0.entry(case).or_default() += 1;
    }

    pub(crate) fn hit_if(&mut self, condition: bool, case: &'static str) {
        if condition {
            self.hit(case);
        }
    }

    /// Adds the counts of another history.
    pub(crate) fn add(&mut self, other: &Coverage) {
        for (case, count) in &other.0 {
            *self.0.entry(case).or_default() += count;
        }
    }

    /// Every case with its count, by name.
    pub(crate) fn table(&self) -> Vec<(&'static str, u64)> {
        let mut rows: Vec<_> = CASES.iter().map(|c| (*c, self.0.get(c).copied().unwrap_or(0))).collect();
        rows.sort_unstable();
        rows
    }

    /// The cases met fewer times than asked.
    pub(crate) fn below(&self, least: u64) -> Vec<(&'static str, u64)> {
        self.table().into_iter().filter(|(_, count)| *count < least).collect()
    }
}
