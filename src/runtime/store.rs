//! The object store: the only place that names objects and waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

/// So many objects are fetched at once.
const SIDE_BY_SIDE: usize = 16;
/// So many threads at most wait for a store's files. Without a bound tokio makes one more whenever all before have answered
/// and none has gone to rest yet, and keeps it while there is work.
const FILE_THREADS: usize = 2;
/// See [`Store::mark`].
pub const MARK: &str = "tidemark-store";

/// The folder that a store's URL names: a path, or `file://` and a path. None where it names no folder.
#[must_use]
pub fn folder_of(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("file://").or_else(|| url.strip_prefix("file:")).unwrap_or(url);
    (!path.contains("://")).then(|| Path::new(path))
}

/// Whether a URL can name a store at all; nobody is asked.
///
/// # Errors
/// Where it cannot, and what is due.
pub fn check_url(url: &str) -> Result<()> {
    #[cfg(feature = "cloud")]
    if folder_of(url).is_none() {
        super::cloud::Place::of(url)?;
    }
    Ok(())
}

/// What stores answer for an object where there is no bucket to look into: S3, Azure, Google.
const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"];

/// Whether an error says that there is no bucket; it has no kind of its own.
pub(super) fn lacks_bucket(error: &object_store::Error) -> bool {
    let text = error.to_string();
    NO_BUCKET.iter().any(|sign| text.contains(sign))
}

/// What became of an attempt to create an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Created {
    /// It was made.
    Now,
    /// There was one.
    Before,
}

/// A store of objects; every call waits for its answer.
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// A file that is there as long as the folder is the one that was opened; none where the store is no folder.
    mark: Option<PathBuf>,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Store({})", self.objects)
    }
}

impl Store {
    /// A folder as a store; what is written reaches the disk before the call returns.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn folder(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        // A snapshot's folder goes with its last object.
        let objects = LocalFileSystem::new_with_prefix(path).with_context(|| format!("cannot open {}", path.display()))?;
        let objects = objects.with_fsync(true).with_automatic_cleanup(true);
        let mark = path.join(MARK);
        if !mark.exists() {
            std::fs::write(&mark, "The state of a Tidemark job. Nothing is written here once this file is gone.\n")
                .with_context(|| format!("cannot write {}", mark.display()))?;
        }
        Self::with(Arc::new(objects), Some(mark))
    }

    /// A store over any implementation, such as one in memory.
    ///
    /// # Errors
    /// Where its runtime cannot be started.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Result<Self> {
        Self::with(objects, None)
    }

    fn with(objects: Arc<dyn ObjectStore>, mark: Option<PathBuf>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(FILE_THREADS).enable_all().build();
        Ok(Self { objects, mark, runtime: runtime.context("cannot start the store's runtime")? })
    }

    /// The store at a URL, under a folder of its own: a path, `file://` and a path, or an object store such as
    /// `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// Where it cannot be opened, or this build knows no such store.
    pub fn open(url: &str, folder: &str) -> Result<Self> {
        match folder_of(url) {
            Some(path) => Self::folder(&path.join(folder)),
            None => Self::cloud(url, folder),
        }
    }

    /// The store that the command line names as a path, which may be a URL.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn at(place: &Path) -> Result<Self> {
        place.to_str().map_or_else(|| Self::folder(place), |url| Self::open(url, ""))
    }

    /// An object store; it has to answer, and its bucket has to be there.
    #[cfg(feature = "cloud")]
    fn cloud(url: &str, folder: &str) -> Result<Self> {
        use futures_util::TryStreamExt as _;
        let place = super::cloud::Place::of(url)?;
        let runtime = super::cloud::runtime().context("cannot start the store's runtime")?;
        let objects = place.open(folder).with_context(|| format!("cannot open the store {url}"))?;
        let mut all = objects.list(None);
        runtime.block_on(all.try_next()).map_err(|error| place.in_words(url, &error))?;
        Ok(Self { objects, mark: None, runtime })
    }

    /// An object store, in a build that knows none.
    #[cfg(not(feature = "cloud"))]
    fn cloud(url: &str, _folder: &str) -> Result<Self> {
        bail!(
            "{url} is no folder, and this build keeps state in folders only. Give a path or file:///PATH; s3://, gs:// and az:// \
             need another build: cargo build --release --features cloud"
        )
    }

    /// The bytes of an object; none where there is no such object.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.is_there()?;
        self.runtime.block_on(self.fetch(name))
    }

    /// The bytes of several objects, fetched side by side; none for each that is not there.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn get_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        use futures_util::{StreamExt as _, TryStreamExt as _};
        self.is_there()?;
        let fetched = futures_util::stream::iter(names.iter().map(|name| self.fetch(name)));
        self.runtime.block_on(fetched.buffered(SIDE_BY_SIDE).try_collect())
    }

    async fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let name = Name::from(name);
        let found = match self.objects.get(&name).await {
            Ok(found) => found.bytes().await.map(|bytes| Some(bytes.to_vec())),
            Err(error @ object_store::Error::NotFound { .. }) if !lacks_bucket(&error) => Ok(None),
            Err(error) => Err(error),
        };
        found.with_context(|| format!("cannot read {name}"))
    }

    /// The folder must still be the one that was opened: missing folders are made anew without a word, and what was
    /// written into one that was unmounted or moved away would be lost to everybody else.
    fn is_there(&self) -> Result<()> {
        match &self.mark {
            Some(mark) if !mark.exists() => {
                bail!("{} is gone: the store's folder was unmounted, moved or emptied. Put it back", mark.display())
            }
            _ => Ok(()),
        }
    }

    /// Writes an object whole, over one of the same name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.is_there()?;
        let name = Name::from(name);
        self.runtime
            .block_on(self.objects.put(&name, PutPayload::from(bytes)))
            .with_context(|| format!("cannot write {name}"))?;
        Ok(())
    }

    /// Writes an object where there is none of that name; of several who try, one succeeds.
    ///
    /// # Errors
    /// Where it is not known whether it was written: the answer is to read it.
    pub fn create(&self, name: &str, bytes: Vec<u8>) -> Result<Created> {
        self.is_there()?;
        let name = Name::from(name);
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.runtime.block_on(self.objects.put_opts(&name, PutPayload::from(bytes), options)) {
            Ok(_) => Ok(Created::Now),
            Err(object_store::Error::AlreadyExists { .. }) => self.was_before(&name),
            Err(error) => Err(error).with_context(|| format!("cannot write {name}")),
        }
    }

    /// S3 refuses a create also while another one of the same name is under way, which may yet fail (409, Conflict). So
    /// what is said to be there is looked at.
    fn was_before(&self, name: &Name) -> Result<Created> {
        if self.mark.is_none() {
            let seen = self.runtime.block_on(self.objects.head(name));
            seen.with_context(|| format!("{name} was refused as if it were there, and cannot be seen"))?;
        }
        Ok(Created::Before)
    }

    /// The names of all objects that begin with a folder, in order.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        let prefix = Name::from(folder);
        self.names(&prefix, self.objects.list(Some(&prefix)))
    }

    /// Those of them that come behind a name in the order of their bytes.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn list_after(&self, folder: &str, name: &str) -> Result<Vec<String>> {
        let (prefix, after) = (Name::from(folder), Name::from(name));
        self.names(&prefix, self.objects.list_with_offset(Some(&prefix), &after))
    }

    fn names(&self, prefix: &Name, listed: BoxStream<'_, object_store::Result<ObjectMeta>>) -> Result<Vec<String>> {
        use futures_util::TryStreamExt as _;
        self.is_there()?;
        let found: Vec<_> = self.runtime.block_on(listed.try_collect()).with_context(|| format!("cannot list {prefix}"))?;
        let mut names: Vec<String> = found.into_iter().map(|meta| meta.location.to_string()).collect();
        names.sort();
        Ok(names)
    }

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// Where it cannot be removed.
    pub fn delete(&self, name: &str) -> Result<()> {
        let name = Name::from(name);
        match self.runtime.block_on(self.objects.delete(&name)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot remove {name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_last_object_and_the_stores_own_stays() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::folder(place.path()).unwrap();
        let (one, other) = ("snapshots/7/manifest.json", "snapshots/7/part");
        for name in [one, other] {
            store.put(name, b"x".to_vec()).unwrap();
        }
        store.delete(one).unwrap();
        assert!(place.path().join(other).exists());
        store.delete(other).unwrap();
        assert!(!place.path().join("snapshots").exists());
        assert!(place.path().join(MARK).exists());
        store.put(one, b"x".to_vec()).unwrap();
        assert_eq!(store.get(one).unwrap().as_deref(), Some(&b"x"[..]));
    }
}
