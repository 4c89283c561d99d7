//! The one name that we use for timely's way of filling vectors.

/// Fills vectors of `T`.
pub(crate) type VecBuilder<T> = timely::container::CapacityContainerBuilder<Vec<T>>;
