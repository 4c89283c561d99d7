//! The service on a real Apache Kafka: whatever dies, every fact is there, once.

mod brokers;
mod faults;
mod killed;
mod rig;
mod running;
mod whole;
