//! Rule 12: points adjusted by hand, and redemptions.

use serde_json::json;

use super::amount::{Dec, Micro};
use super::decode::Event;
use super::facts::{Cause, GRANTS};
use super::memory::Keep;
use super::player::{Outcome, Player, cause_of};
use super::zone::{Day, Ms};

/// A redemption asked for and not yet confirmed; they stand in the order of their requests.
#[derive(Clone, Debug)]
pub(crate) struct OpenRedemption {
    id: String,
    points: Micro,
    pub(crate) due: Ms,
}

impl Player<'_> {
    fn refuse(&mut self, reason: &str, keep: Keep, cause: &Cause) -> Outcome {
        self.audit("refused", Some(reason), cause);
        Outcome::Applied(keep)
    }

    pub(crate) fn points_adjust(&mut self, event: &Event, day: Day) -> Outcome {
        let cause = cause_of(event);
        let points = event.number("amount").expect("a required field").round6();
        if points < 0 && self.points.available + points < 0 {
            self.cover.hit("R12.adjust_refused");
            return self.refuse("insufficient_points", Keep::Refused, &cause);
        }
        self.cover.hit(if points < 0 { "R12.adjust_minus" } else { "R12.adjust_plus" });
        self.points.available += points;
        self.points.adjusted += points;
        if points > 0 {
            self.active("adjustment", day);
        }
        self.post("adjust", points, &cause, json!({}));
        self.audit("allowed", None, &cause);
        Outcome::Applied(Keep::All)
    }

    pub(crate) fn redemption_requested(&mut self, event: &Event) -> Outcome {
        let cause = cause_of(event);
        let asked = event.number("points").expect("a required field");
        let terms = &self.rules().redemption;
        let step = Dec::whole(i128::from(terms.step));
        if asked.is_zero() || !asked.is_multiple_of(&step) {
            self.cover.hit("R12.not_a_multiple");
            return self.refuse("not_a_multiple", Keep::Refused, &cause);
        }
        let points = asked.round6();
        if points > self.points.available {
            self.cover.hit("R12.insufficient_points");
            return self.refuse("insufficient_points", Keep::Refused, &cause);
        }
        self.cover.hit("R12.block");
        let id = event.text("redemption_id").expect("a required field").to_owned();
        self.points.available -= points;
        self.points.blocked += points;
        self.post("block", points, &cause, json!({"redemption_id": id}));
        self.audit("allowed", None, &cause);
        self.redemptions.push(OpenRedemption { id, points, due: event.apply + terms.confirm_within });
        Outcome::Applied(Keep::All)
    }

    fn close(&mut self, event: &Event) -> Option<OpenRedemption> {
        let id = event.text("redemption_id");
        let place = self.redemptions.iter().position(|r| Some(r.id.as_str()) == id)?;
        Some(self.redemptions.remove(place))
    }

    pub(crate) fn redemption_confirmed(&mut self, event: &Event) -> Outcome {
        let cause = cause_of(event);
        let Some(open) = self.close(event) else {
            self.cover.hit("R12.confirm_not_open");
            self.cover.hit_if(self.timed_out_now(event), "R4.confirm_at_timeout");
            return self.refuse("not_open", Keep::SourceOnly, &cause);
        };
        self.cover.hit("R12.confirm");
        self.points.blocked -= open.points;
        self.points.redeemed += open.points;
        self.post("redeem", open.points, &cause, json!({"redemption_id": open.id}));
        let terms = &self.rules().redemption;
        let step = Dec::whole(i128::from(terms.step));
        let amount = Dec::of_micro(open.points).steps_of(&step, &Dec::known(&terms.value));
        let factor = Dec::known(&terms.wager_multiplier);
        let grant = json!({
            "kind": "points_conversion", "campaign_id": "redemption", "trigger": "redemption",
            "amount": amount.plain(), "currency": terms.currency, "valid_to": null,
            "wager": {"multiplier": factor.plain(), "required": factor.times(&amount).round8().plain()},
        });
        self.publish(GRANTS, "GrantIssued", &cause, grant);
        self.audit("allowed", None, &cause);
        Outcome::Applied(Keep::All)
    }

    /// For the counts only: whether the last thing that happened was the time-out of this redemption.
    fn timed_out_now(&self, event: &Event) -> bool {
        let stamp = json!(super::zone::write_time(event.apply));
        let id = json!(event.text("redemption_id"));
        let mut facts = self.facts.iter().rev();
        facts
            .any(|f| f.body["as_of"] == stamp && f.body.get("reason") == Some(&json!("timeout")) && f.body["redemption_id"] == id)
    }

    pub(crate) fn redemption_cancelled(&mut self, event: &Event) -> Outcome {
        let cause = cause_of(event);
        let Some(open) = self.close(event) else {
            self.cover.hit("R12.cancel_not_open");
            return self.refuse("not_open", Keep::SourceOnly, &cause);
        };
        self.cover.hit("R12.cancel");
        self.release(&open, "cancelled", &cause);
        self.audit("allowed", None, &cause);
        Outcome::Applied(Keep::All)
    }

    fn release(&mut self, open: &OpenRedemption, reason: &str, cause: &Cause) {
        self.points.blocked -= open.points;
        self.points.available += open.points;
        self.post("unblock", open.points, cause, json!({"redemption_id": open.id, "reason": reason}));
    }

    /// The first redemption due, by the order of the requests.
    pub(crate) fn redemption_times_out(&mut self, at: Ms) {
        self.cover.hit("R12.timeout");
        let place = self.redemptions.iter().position(|r| r.due == at).expect("one is due");
        let open = self.redemptions.remove(place);
        self.release(&open, "timeout", &Cause::timer(at));
    }
}

#[cfg(test)]
mod tests {
    use super::super::amount::UNIT;
    use super::*;

    #[test]
    fn a_thousand_points_are_ten_euros() {
        let points = Dec::of_micro(3_000 * UNIT);
        assert_eq!(points.steps_of(&Dec::whole(1000), &Dec::known("10.00")).plain(), "30");
    }
}
