//! An object store in memory as one process sees it: calls fail, answers get lost, an object is written in part.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::weather::{Call, Fault, Weather};

/// See the module's words.
pub(super) struct Objects {
    pub(super) shared: Arc<InMemory>,
    pub(super) weather: Arc<dyn Weather>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Objects")
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("memory")
    }
}

fn failed(why: &'static str) -> Error {
    Error::Generic { store: "simulated", source: why.into() }
}

impl Objects {
    /// Lets others have a turn, then says what befalls the call.
    fn begin(&self, call: Call) -> Result<Option<Fault>> {
        if !self.weather.rest(Duration::from_micros(80)) {
            return Err(failed("the process is dead"));
        }
        match self.weather.fault(call) {
            Some(Fault::Late(time)) if !self.weather.rest(time) => Err(failed("the process is dead")),
            Some(Fault::Late(_)) => Ok(None),
            other => Ok(other),
        }
    }

    /// The answer, where it is not lost.
    fn answer<T>(&self, fault: Option<Fault>, answer: T) -> Result<T> {
        match fault {
            Some(Fault::Lost) => Err(failed("the answer is lost")),
            _ if self.weather.is_dead() => Err(failed("the process is dead")),
            _ => Ok(answer),
        }
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = options.mode == PutMode::Create;
        let fault = self.begin(if create { Call::Create } else { Call::Put })?;
        if fault == Some(Fault::Refused) {
            // An object that is made whole or not at all is one that is created; any other may be torn.
            if !create {
                let bytes: Vec<u8> = payload.iter().flat_map(|part| part.iter().copied()).collect();
                let torn = bytes[..bytes.len() / 2].to_vec();
                self.shared.put_opts(location, PutPayload::from(torn), options).await?;
            }
            return Err(failed("the write failed"));
        }
        let done = self.shared.put_opts(location, payload, options).await?;
        self.answer(fault, done)
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(failed("it takes no parts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.begin(Call::Get)?.is_some() {
            return Err(failed("the read failed"));
        }
        self.shared.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let fault = match self.begin(Call::Delete) {
            Ok(fault) => fault,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        match fault {
            Some(Fault::Refused) => stream::once(async { Err(failed("the removal failed")) }).boxed(),
            Some(_) => self.shared.delete_stream(locations).map(|_| Err(failed("the answer is lost"))).boxed(),
            None => self.shared.delete_stream(locations),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.begin(Call::List) {
            Ok(None) => self.shared.list(prefix),
            Ok(Some(_)) => stream::once(async { Err(failed("the list failed")) }).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.shared.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.shared.copy_opts(from, to, options).await
    }
}
