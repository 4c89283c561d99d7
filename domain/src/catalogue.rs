//! The catalogue of events in (DOMAIN 4.2): every type that is known, what it needs, and which of
//! its fields make its body (rule 8). One table; the decoder and the rules read the same rows.

/// How long something is remembered and from when it is too late (rules 8 and 9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum History {
    /// `history_days`, and too late beyond them: bets, wins, reversals, redemptions, adjustments.
    Play,
    /// `payment_history_days`, and too late beyond them.
    Payments,
    /// Remembered for `history_days`, never too late, only late.
    Open,
}

macro_rules! catalogue {
    ($( $name:ident $history:ident $player:ident [$($id:ident),*] ($($required:ident),*) {$($optional:ident),*} )*) => {
        /// A known type of event.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum EventType {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                $name,
            )*
        }

        impl EventType {
            /// Every type, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The type of that name.
            #[must_use]
            #[allow(non_upper_case_globals, reason = "one constant for each name of the table")]
            pub fn named(name: &[u8]) -> Option<Self> {
                $( const $name: &[u8] = stringify!($name).as_bytes(); )*
                match name {
                    $( $name => Some(Self::$name), )*
                    _ => None,
                }
            }

            /// Its row of the catalogue.
            #[must_use]
            pub fn row(self) -> &'static Row {
                match self {
                    $( Self::$name => {
                        const ROW: Row = Row {
                            name: stringify!($name),
                            history: History::$history,
                            needs: Needs::$player,
                            identities: &[$(Field::$id),*],
                            required: &[$(Field::$required),*],
                            optional: &[$(Field::$optional),*],
                        };
                        &ROW
                    } )*
                }
            }
        }
    };
}

/// What of the envelope a type needs (rule 14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// A player and a time.
    Player,
    /// A time; a player may stand in it.
    Time,
    /// Neither: the types of `fx.v1` and `config.v1`.
    Neither,
}

/// One row of the catalogue.
#[derive(Debug)]
pub struct Row {
    /// The type's name on the wire.
    pub name: &'static str,
    /// How long it is remembered.
    pub history: History,
    /// What of the envelope it needs.
    pub needs: Needs,
    /// Its identities beside (`source`, `event_id`).
    pub identities: &'static [Field],
    /// Fields that must be there.
    pub required: &'static [Field],
    /// Fields that may be there; both together make its body.
    pub optional: &'static [Field],
}

macro_rules! fields {
    ($( $name:ident $wire:literal $form:ident )*) => {
        /// A field of the catalogue.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(
                #[doc = concat!("`", $wire, "`")]
                $name,
            )*
        }

        impl Field {
            /// Every field, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The field of that name on the wire.
            #[must_use]
            #[allow(non_upper_case_globals, reason = "one constant for each name of the table")]
            pub fn named(name: &[u8]) -> Option<Self> {
                $( const $name: &[u8] = $wire.as_bytes(); )*
                match name {
                    $( $name => Some(Self::$name), )*
                    _ => None,
                }
            }

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $wire, )* }
            }

            /// What may stand in it.
            #[must_use]
            pub const fn form(self) -> Form {
                match self { $( Self::$name => Form::$form, )* }
            }
        }
    };
}

/// What may stand in a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A string of 1 to 256 bytes without control characters.
    Identifier,
    /// An amount, as string or number.
    Amount,
    /// An amount that may be negative.
    SignedAmount,
    /// An RFC 3339 instant.
    Time,
    /// An RFC 3339 instant where it is one, and compared as such; else any JSON value.
    Moment,
    /// Any string.
    Text,
    /// Any JSON value; compared by value.
    Any,
}

fields! {
    EventId "event_id" Identifier
    EventType "event_type" Text
    SchemaVersion "schema_version" Any
    Source "source" Identifier
    BrandId "brand_id" Identifier
    Jurisdiction "jurisdiction" Any
    PlayerId "player_id" Identifier
    OccurredAt "occurred_at" Time
    BetId "bet_id" Identifier
    RoundId "round_id" Identifier
    GameId "game_id" Identifier
    GameType "game_type" Identifier
    Amount "amount" Amount
    Currency "currency" Identifier
    RealAmount "real_amount" Amount
    BonusAmount "bonus_amount" Amount
    ExchangeRate "exchange_rate" Amount
    SessionId "session_id" Identifier
    FreeSpin "free_spin" Any
    WinId "win_id" Identifier
    OriginalBetId "original_bet_id" Identifier
    OriginalWinId "original_win_id" Identifier
    OriginalPaymentId "original_payment_id" Identifier
    NewAmount "new_amount" Amount
    Reason "reason" Any
    PaymentId "payment_id" Identifier
    Method "method" Any
    InstrumentHash "instrument_hash" Any
    Status "status" Any
    Kind "kind" Any
    Country "country" Any
    TrafficSource "traffic_source" Any
    TrafficCampaign "traffic_campaign" Any
    BirthYear "birth_year" Any
    Locale "locale" Any
    From "from" Any
    To "to" Any
    Channel "channel" Any
    OptedIn "opted_in" Any
    Until "until" Moment
    Scope "scope" Any
    Period "period" Any
    EffectiveAt "effective_at" Moment
    DeviceHash "device_hash" Any
    IpHash "ip_hash" Any
    IpPrefix "ip_prefix" Any
    IpCountry "ip_country" Any
    CampaignId "campaign_id" Any
    Code "code" Any
    BonusInstanceId "bonus_instance_id" Any
    RedemptionId "redemption_id" Identifier
    By "by" Any
    Name "name" Any
    Attributes "attributes" Any
    Points "points" Amount
    Tier "tier" Identifier
    Mode "mode" Text
    Actor "actor" Any
    Role "role" Any
    RequestId "request_id" Identifier
    Approver "approver" Any
    ClickId "click_id" Any
    Variant "variant" Any
    Control "control" Any
    MessageId "message_id" Any
    Day "day" Any
    TicketId "ticket_id" Any
    Priority "priority" Any
    Agent "agent" Any
    Action "action" Any
    Target "target" Any
    Before "before" Any
    After "after" Any
    Version "version" Any
    EffectiveFrom "effective_from" Time
    Author "author" Any
    GitSha "git_sha" Any
    Base "base" Identifier
    Rate "rate" Amount
    ValidFrom "valid_from" Time
    Id "id" Identifier
    Revision "revision" Any
    Sha256 "sha256" Text
    Body "body" Text
}

catalogue! {
    BetPlaced Play Player [BetId] (BetId, Amount, Currency) {RoundId, GameId, GameType, RealAmount, BonusAmount, ExchangeRate, SessionId, FreeSpin}
    WinCredited Play Player [WinId] (WinId, Amount, Currency) {RoundId, BetId, RealAmount, BonusAmount}
    BetVoided Play Player [] (OriginalBetId) {Amount, Reason}
    WinReversed Play Player [] (OriginalWinId) {}
    RoundClosed Open Player [] () {RoundId}
    BetCorrected Play Player [] (OriginalBetId, NewAmount) {}
    DepositMade Payments Player [PaymentId] (PaymentId, Amount, Currency) {Method, InstrumentHash, Status}
    DepositFailed Payments Player [PaymentId] () {PaymentId, Amount, Currency, Method, InstrumentHash, Status}
    DepositReversed Payments Player [] (OriginalPaymentId) {Kind}
    WithdrawalRequested Payments Player [PaymentId] () {PaymentId, Amount, Currency}
    WithdrawalPaid Payments Player [PaymentId] () {PaymentId, Amount, Currency}
    WithdrawalCancelled Payments Player [PaymentId] () {PaymentId, Amount, Currency}
    PlayerRegistered Open Player [] () {Country, TrafficSource, TrafficCampaign, BirthYear, Locale, Currency}
    ProfileUpdated Open Player [] () {Country, BirthYear, Locale, Currency}
    KycStatusChanged Open Player [] () {From, To}
    ConsentChanged Open Player [] () {Channel, OptedIn}
    SelfExclusionSet Open Player [] () {Until, Scope}
    SelfExclusionLifted Open Player [] () {Until, Scope}
    CoolingOffSet Open Player [] () {Until}
    AccountBlocked Open Player [] () {Reason}
    AccountUnblocked Open Player [] () {Reason}
    LimitChanged Open Player [] () {Kind, Period, Amount, EffectiveAt}
    PlayersMerged Open Player [] () {From, To}
    SessionStarted Open Player [SessionId] (SessionId) {DeviceHash, IpHash, IpPrefix, IpCountry, Channel}
    SessionEnded Open Player [SessionId] () {SessionId}
    DepositOpened Open Player [] () {SessionId}
    BonusClaimed Open Player [] () {CampaignId, Code}
    BonusRedeemed Open Player [] () {BonusInstanceId, RedemptionId, Kind}
    BonusCancelled Open Player [] () {BonusInstanceId, By}
    CustomEvent Open Player [] () {Name, Attributes}
    PointsAdjust Play Player [RequestId] (Amount) {Reason, Actor, Role, RequestId, Approver}
    RedemptionRequested Play Player [RedemptionId, RequestId] (RedemptionId, Points) {Actor, Role, RequestId, Approver}
    RedemptionConfirmed Play Player [RedemptionId, RequestId] (RedemptionId) {Points, Actor, Role, RequestId, Approver}
    RedemptionCancelled Play Player [RedemptionId, RequestId] (RedemptionId) {Points, Actor, Role, RequestId, Approver}
    StatusForce Open Player [RequestId] (Mode) {Tier, Until, Reason, Actor, Role, RequestId, Approver}
    FirstContact Open Time [] () {TrafficSource, TrafficCampaign, ClickId}
    CampaignExposure Open Time [] () {CampaignId, Variant, Control}
    MessageSent Open Player [] () {MessageId, Channel}
    MessageDelivered Open Player [] () {MessageId, Channel}
    MessageOpened Open Player [] () {MessageId, Channel}
    MessageClicked Open Player [] () {MessageId, Channel}
    MessageFailed Open Player [] () {MessageId, Channel}
    CampaignCost Open Time [] () {CampaignId, Day, Amount}
    TicketOpened Open Time [] () {TicketId, Channel, Priority, Agent}
    TicketAssigned Open Time [] () {TicketId, Channel, Priority, Agent}
    TicketReplied Open Time [] () {TicketId, Channel, Priority, Agent}
    TicketPending Open Time [] () {TicketId, Channel, Priority, Agent}
    TicketResolved Open Time [] () {TicketId, Channel, Priority, Agent}
    TicketReopened Open Time [] () {TicketId, Channel, Priority, Agent}
    TicketClosed Open Time [] () {TicketId, Channel, Priority, Agent}
    OperatorAction Open Time [] () {Action, Target, Before, After, Reason}
    SuspiciousReportFiled Open Time [] () {Reason}
    TierConfig Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    GameCatalog Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    PromoMultiplier Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    CampaignTemplate Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    SegmentDef Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    AmlRule Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    BrandConfig Open Neither [] () {Version, EffectiveFrom, Author, GitSha}
    FxRate Open Neither [] (Currency, Base, Rate, ValidFrom) {}
    ProgrammePublished Open Neither [] (Id, Revision, EffectiveFrom, Sha256, Body) {Author, Role}
}

impl EventType {
    /// Whether it is a command: carries a `request_id` (rule 8) and leaves an audit fact.
    #[must_use]
    pub fn is_command(self) -> bool {
        self.row().identities.contains(&Field::RequestId)
    }

    /// The type's name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether it is settled before the run and moves no clock (rule 0).
    #[must_use]
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::FxRate | Self::ProgrammePublished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_field_is_found_by_its_name() {
        for kind in EventType::ALL {
            assert_eq!(EventType::named(kind.name().as_bytes()), Some(*kind));
        }
        for field in Field::ALL {
            assert_eq!(Field::named(field.name().as_bytes()), Some(*field));
        }
        assert_eq!(EventType::named(b"betplaced"), None);
    }
}
