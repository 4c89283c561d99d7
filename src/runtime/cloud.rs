//! Object stores of the clouds: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`.
//!
//! Keys come from the environment, by the names that the clouds' own tools have. Every store here makes an object where
//! there is none by conditional put: the journal rests on that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as Name;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};

use super::store::lacks_bucket;

/// How long a request is made again by itself: whoever asked tells a person, and asks on.
const RETRIES_MAX: usize = 4;
const RETRIES_WITHIN: Duration = Duration::from_secs(8);

/// Whose store it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cloud {
    Amazon,
    Google,
    Azure,
}

/// A place in an object store.
#[derive(Debug)]
pub(super) struct Place<'u> {
    cloud: Cloud,
    bucket: &'u str,
    prefix: &'u str,
}

impl<'u> Place<'u> {
    /// Reads a URL.
    ///
    /// # Errors
    /// Where it names no object store.
    pub(super) fn of(url: &'u str) -> Result<Self> {
        let due = "a folder, file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX is due";
        let Some((scheme, rest)) = url.split_once("://") else { bail!("{url} is no store; {due}") };
        let cloud = match scheme {
            "s3" => Cloud::Amazon,
            "gs" => Cloud::Google,
            "az" => Cloud::Azure,
            _ => bail!("{url} is no store; {due}"),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || bucket.contains('@') {
            bail!("{scheme}:// is followed by no bucket; {due}. Keys come from the environment: {}", cloud.variables());
        }
        Ok(Self { cloud, bucket, prefix })
    }

    /// The store, everything below a folder of it.
    ///
    /// # Errors
    /// Where the environment does not say what is needed.
    pub(super) fn open(&self, folder: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        let prefix = Name::from(format!("{}/{folder}", self.prefix));
        let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRIES_WITHIN, ..RetryConfig::default() };
        let objects: Arc<dyn ObjectStore> = match self.cloud {
            Cloud::Amazon => {
                let builder = AmazonS3Builder::from_env()
                    .with_bucket_name(self.bucket)
                    .with_conditional_put(S3ConditionalPut::ETagMatch)
                    .with_retry(retry);
                // Whoever writes http:// means it: a store on the same machine or network.
                let is_plain = [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint]
                    .iter()
                    .any(|key| builder.get_config_value(key).is_some_and(|endpoint| endpoint.starts_with("http://")));
                let builder = if is_plain { builder.with_allow_http(true) } else { builder };
                Arc::new(PrefixStore::new(builder.build()?, prefix))
            }
            Cloud::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(self.bucket).with_retry(retry);
                Arc::new(PrefixStore::new(builder.build()?, prefix))
            }
            Cloud::Azure => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(self.bucket).with_retry(retry);
                Arc::new(PrefixStore::new(builder.build()?, prefix))
            }
        };
        Ok(objects)
    }

    /// Why a store does not let itself be looked at, and what to do.
    pub(super) fn in_words(&self, url: &str, error: &object_store::Error) -> anyhow::Error {
        use object_store::Error;
        if lacks_bucket(error) || matches!(error, Error::NotFound { .. }) {
            return anyhow!(
                "cannot open the store {url}: there is no bucket {}: make it first, Tidemark makes none",
                self.bucket
            );
        }
        let what = match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                format!("this process may not list bucket {}: its keys come from {}", self.bucket, self.cloud.variables())
            }
            _ => format!("it does not answer; where it is and its keys come from {}", self.cloud.variables()),
        };
        // As one text: it has all that it follows from in its own words, and as a chain those once more behind each.
        anyhow!("cannot open the store {url}: {what}: {error}")
    }
}

impl Cloud {
    /// Where keys come from.
    const fn variables(self) -> &'static str {
        match self {
            Self::Amazon => "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT, or the machine's role",
            Self::Google => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, or the machine's account",
            Self::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or the machine's identity",
        }
    }
}

/// A thread of its own drives the connections, so that one that the other end closed is noticed while nobody asks.
///
/// # Errors
/// Where no thread can be had.
pub(super) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_cloud_a_bucket_and_a_prefix() {
        let read = |url| Place::of(url).map(|place| (place.cloud, place.bucket, place.prefix)).ok();
        assert_eq!(read("s3://state/a/b"), Some((Cloud::Amazon, "state", "a/b")));
        assert_eq!(read("gs://state"), Some((Cloud::Google, "state", "")));
        assert_eq!(read("az://state/"), Some((Cloud::Azure, "state", "")));
        for wrong in ["s3://", "s3:///x", "ftp://state/x", "s3://key:secret@state/x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
