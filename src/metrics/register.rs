//! How metrics are made and kept: each name once, told apart by labels.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

const WELL_FORMED: &str = "every name is valid and given once: a test makes them all";

/// Makes one topic's part of a metric, with the labels that are left.
type Make<V> = fn(Opts, &[&str]) -> prometheus::Result<V>;

/// All metrics of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Register {
    registry: Registry,
}

impl Register {
    /// What every metric says now, by name.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect(WELL_FORMED);
        self.registry.register(Box::new(made.clone())).expect(WELL_FORMED);
        made
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help))
    }

    pub(super) fn decimal_counter(&self, name: &str, help: &str) -> Counter {
        self.keep(Counter::new(name, help))
    }

    pub(super) fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.keep(IntCounterVec::new(Opts::new(name, help), &[label]))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.keep(IntGauge::new(name, help))
    }

    pub(super) fn decimal_gauge(&self, name: &str, help: &str) -> Gauge {
        self.keep(Gauge::new(name, help))
    }

    pub(super) fn decimal_gauges(&self, name: &str, help: &str, label: &str) -> GaugeVec {
        self.keep(GaugeVec::new(Opts::new(name, help), &[label]))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.keep(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    pub(super) fn histograms(&self, name: &str, help: &str, label: &str, buckets: &[f64]) -> HistogramVec {
        self.keep(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), &[label]))
    }

    pub(super) fn counters_by_topic(&self, name: &str, help: &str, label: &'static str) -> ByTopic<IntCounterVec> {
        self.by_topic(name, help, label, IntCounterVec::new)
    }

    pub(super) fn gauges_by_topic(&self, name: &str, help: &str, label: &'static str) -> ByTopic<IntGaugeVec> {
        self.by_topic(name, help, label, IntGaugeVec::new)
    }

    pub(super) fn decimal_gauges_by_topic(&self, name: &str, help: &str, label: &'static str) -> ByTopic<GaugeVec> {
        self.by_topic(name, help, label, GaugeVec::new)
    }

    fn by_topic<V>(&self, name: &str, help: &str, label: &'static str, make: Make<V>) -> ByTopic<V> {
        ByTopic { register: self.clone(), opts: Opts::new(name, help), label, make, topics: RwLock::default() }
    }
}

/// A metric with the label `topic` and one more.
///
/// The library finds a child by a hash of its label values written one after the other, so topic `bets.v1` with
/// partition 11 would be taken for `bets.v11` with partition 1. Here each topic has children of its own.
#[derive(Debug)]
pub(super) struct ByTopic<V> {
    register: Register,
    opts: Opts,
    label: &'static str,
    make: Make<V>,
    topics: RwLock<BTreeMap<String, V>>,
}

impl<V: Collector + Clone + 'static> ByTopic<V> {
    /// The children of a topic.
    pub(super) fn of(&self, topic: &str) -> V {
        let known = self.topics.read().unwrap_or_else(PoisonError::into_inner).get(topic).cloned();
        known.unwrap_or_else(|| self.begin(topic))
    }

    fn begin(&self, topic: &str) -> V {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = topics.get(topic) {
            return known.clone();
        }
        let opts = self.opts.clone().const_label("topic", topic);
        let made = self.register.keep((self.make)(opts, &[self.label]));
        topics.insert(topic.to_owned(), made.clone());
        made
    }
}
