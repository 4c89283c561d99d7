//! Planted defects: wrong rules on purpose, behind a switch of test builds, so that the suite can
//! prove that it would notice. Without the feature `checked` a set is always empty and costs nothing.

macro_rules! defects {
    ($( $name:ident $wire:literal $what:literal )*) => {
        /// A rule that can be broken on purpose.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Defect {
            $( #[doc = $what] $name, )*
        }

        impl Defect {
            /// Every defect.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $wire, )* }
            }
        }
    };
}

defects! {
    FloorPoints "floor-points" "points of a bet are floored to whole points"
    TodaysRate "todays-rate" "a reversal uses the rate of its own day"
    NoTimers "no-timers" "time passes only with a player's next event"
    ForgetLost "forget-lost" "a tier that was lost is not kept as lost"
    InclusiveTo "inclusive-to" "a promotion holds at its end too"
    VoidIntoToday "void-into-today" "a reversal is taken from the day of the reversal"
    LevelUpAgain "level-up-again" "level_up fires each time a tier is earned"
    IgnoreTenure "ignore-tenure" "a downgrade does not wait for the tenure"
    ThresholdAbove "threshold-above" "a tier needs more than its entry"
    WindowOfThirtyOne "window-of-31" "the window has 31 days"
    VoidTwice "void-twice" "a second void of a bet is applied again"
    ConfirmLate "confirm-late" "a redemption can be confirmed at its deadline"
    LateIsLost "late-is-lost" "a late bet has no effect"
}

/// A set of planted defects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Defects {
    #[cfg(feature = "checked")]
    bits: u32,
}

impl Defects {
    /// Whether this one is planted.
    #[must_use]
    #[inline]
    pub const fn has(self, defect: Defect) -> bool {
        #[cfg(feature = "checked")]
        {
            self.bits & bit(defect) != 0
        }
        #[cfg(not(feature = "checked"))]
        {
            let _ = defect;
            false
        }
    }

    /// The set with this one planted; `None` where the build has no such switch.
    #[must_use]
    pub const fn with(self, defect: Defect) -> Option<Self> {
        #[cfg(feature = "checked")]
        {
            Some(Self { bits: self.bits | bit(defect) })
        }
        #[cfg(not(feature = "checked"))]
        {
            let _ = defect;
            None
        }
    }
}

#[cfg(feature = "checked")]
const fn bit(defect: Defect) -> u32 {
    #[expect(clippy::as_conversions, reason = "a fieldless enum of one byte; there is no other way")]
    {
        1 << (defect as u32)
    }
}
