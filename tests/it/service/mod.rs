//! The service on a real Apache Kafka: whatever dies, every fact is there, once.

mod brokers;
mod chaos;
mod cluster;
mod faults;
mod input;
mod keep;
mod killed;
mod letters;
#[cfg(feature = "cloud")]
mod minio;
mod profiles;
mod rig;
mod running;
#[cfg(feature = "tls")]
mod secured;
mod whole;
