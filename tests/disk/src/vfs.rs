//! Where SQLite calls in: its file layer (<https://www.sqlite.org/vfs.html>), in C's words.
//!
//! All that is decided is decided in `files`; here pointers become references and back. What makes each of them sound:
//!
//! - SQLite gives every method of a file the `sqlite3_file` that `open` filled, and none before `open` succeeded or after
//!   `close`. `open` puts an [`OpenFile`] there, whose `handle` is a box that only `close` takes back.
//! - A connection uses a file from one thread at a time, so a method may have the handle to itself.
//! - Buffers are as long as SQLite says, names end with a zero, and results may be written where it points.
//! - The memory that connections share consists of atomics, and each handle keeps alive what it was shown until it is
//!   closed.
#![expect(unsafe_code, reason = "SQLite calls its file layer through C; nothing else of the project is unsafe")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use libsqlite3_sys as ffi;
use libsqlite3_sys::{sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::files::{Fault, Files, Opened, address, barrier};
use crate::{VFS, find};

/// What SQLite keeps of an open file. It begins with what SQLite wants at its beginning.
#[repr(C)]
struct OpenFile {
    base: sqlite3_file,
    handle: *mut Handle,
}

/// What this layer keeps of it.
struct Handle {
    disk: Arc<Mutex<Files>>,
    file: Opened,
    delete_on_close: bool,
    /// Shown to SQLite, so kept until it closes the file.
    regions: Vec<Arc<[AtomicU64]>>,
}

impl Handle {
    fn disk(&self) -> MutexGuard<'_, Files> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NAME_BYTES_MAX: c_int = 512;
const VERSION: c_int = 2;

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: VERSION,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes the layer known to SQLite, once a process.
pub(crate) fn register() -> Result<(), String> {
    static REGISTERED: OnceLock<Result<(), String>> = OnceLock::new();
    REGISTERED.get_or_init(register_once).clone()
}

fn register_once() -> Result<(), String> {
    // SAFETY: it may be called at any time, from any thread.
    let begun = unsafe { ffi::sqlite3_initialize() };
    // SAFETY: a null name asks for the layer that is the default.
    let default = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
    // SAFETY: it is null, or SQLite's own structure, which lives as long as the process.
    let Some(default) = (unsafe { default.as_ref() }) else { return Err(format!("SQLite does not begin: {begun}")) };
    let name = CString::new(VFS).map_err(|error| error.to_string())?;
    // Sleeping, chance and the time are the system's.
    let layer = sqlite3_vfs {
        iVersion: VERSION,
        szOsFile: c_int::try_from(size_of::<OpenFile>()).map_err(|error| error.to_string())?,
        mxPathname: NAME_BYTES_MAX,
        pNext: std::ptr::null_mut(),
        zName: name.into_raw(),
        pAppData: std::ptr::null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xGetLastError: None,
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
        ..*default
    };
    // SAFETY: the structure and its name are never freed, as SQLite wants it.
    let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(layer)), 0) };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(format!("SQLite does not take the file layer: {code}")) }
}

/// The handle of an open file.
///
/// # Safety
/// `file` is one that [`open`] filled and [`close`] has not seen, and nobody else uses it.
unsafe fn handle<'file>(file: *mut sqlite3_file) -> &'file mut Handle {
    // SAFETY: by what the caller promises it is an `OpenFile` …
    let handle = unsafe { (*file.cast::<OpenFile>()).handle };
    // SAFETY: … and its handle is a live box's.
    unsafe { &mut *handle }
}

/// Says `result` in SQLite's numbers, and `error` for what has no number of its own.
fn code(result: Result<(), Fault>, error: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Fault::Full) => ffi::SQLITE_FULL,
        Err(Fault::NoPower | Fault::Missing) => error,
    }
}

/// A number from SQLite: none of those it gives is negative.
fn natural(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(0)
}

/// # Safety
/// SQLite's: `name` is null or ends with a zero, `file` has room for an [`OpenFile`], `out_flags` is null or a place.
unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let file = file.cast::<OpenFile>();
    // SAFETY: there is room. No methods: SQLite does not close what was not opened.
    unsafe { (*file).base.pMethods = std::ptr::null() };
    let path = if name.is_null() {
        None
    } else {
        // SAFETY: it is not null, and ends with a zero.
        let name = unsafe { CStr::from_ptr(name) };
        let Ok(path) = name.to_str() else { return ffi::SQLITE_CANTOPEN };
        Some(path)
    };
    let (disk, name) = match path {
        None => (Arc::default(), None),
        Some(path) => match find(path) {
            Some((disk, name)) => (disk, Some(name)),
            None => return ffi::SQLITE_CANTOPEN,
        },
    };
    let opened = disk.lock().unwrap_or_else(PoisonError::into_inner).open(name, flags & ffi::SQLITE_OPEN_CREATE != 0);
    let Ok(opened) = opened else { return ffi::SQLITE_CANTOPEN };
    let delete_on_close = flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0;
    let handle = Box::new(Handle { disk, file: opened, delete_on_close, regions: Vec::new() });
    let whole = OpenFile { base: sqlite3_file { pMethods: &raw const METHODS }, handle: Box::into_raw(handle) };
    // SAFETY: there is room, and what was there is plain data.
    unsafe { file.write(whole) };
    if !out_flags.is_null() {
        // SAFETY: it is not null, so it is a place for a number.
        unsafe { *out_flags = flags };
    }
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file was opened …
    let handle = unsafe { (*file.cast::<OpenFile>()).handle };
    // SAFETY: … and its box is taken back here only.
    let handle = unsafe { Box::from_raw(handle) };
    let mut disk = handle.disk();
    disk.leave_shared(&handle.file, false);
    disk.close(&handle.file);
    if let (true, Some(name)) = (handle.delete_on_close, &handle.file.name) {
        return code(disk.delete(name, false), ffi::SQLITE_IOERR_DELETE);
    }
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite's: see [`handle`]; `into` has room for `count` bytes.
unsafe extern "C" fn read(file: *mut sqlite3_file, into: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    let count = natural(count);
    // SAFETY: there is room for so many bytes, which SQLite has set before or never looks at.
    let into = unsafe { std::slice::from_raw_parts_mut(into.cast::<u8>(), count) };
    match handle.disk().read(&handle.file, natural(at), into) {
        Ok(got) if got == count => ffi::SQLITE_OK,
        Ok(got) => {
            into.get_mut(got..).unwrap_or_default().fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

/// # Safety
/// SQLite's: see [`handle`]; `from` has `count` bytes.
unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    // SAFETY: there are so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), natural(count)) };
    code(handle.disk().write(&handle.file, natural(at), bytes), ffi::SQLITE_IOERR_WRITE)
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: i64) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    code(handle.disk().truncate(&handle.file, natural(length)), ffi::SQLITE_IOERR_TRUNCATE)
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    code(handle.disk().sync(&handle.file), ffi::SQLITE_IOERR_FSYNC)
}

/// # Safety
/// SQLite's: see [`handle`]; `length` is a place.
unsafe extern "C" fn file_size(file: *mut sqlite3_file, length: *mut i64) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    let Ok(found) = handle.disk().length(&handle.file) else { return ffi::SQLITE_IOERR_FSTAT };
    // SAFETY: it is a place for a number.
    unsafe { *length = i64::try_from(found).unwrap_or(i64::MAX) };
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    match handle.disk().lock(&handle.file, level) {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(_) => ffi::SQLITE_IOERR_LOCK,
    }
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    code(handle.disk().unlock(&handle.file, level), ffi::SQLITE_IOERR_UNLOCK)
}

/// # Safety
/// SQLite's: see [`handle`]; `reserved` is a place.
unsafe extern "C" fn check_reserved_lock(file: *mut sqlite3_file, reserved: *mut c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    let Ok(found) = handle.disk().is_reserved(&handle.file) else { return ffi::SQLITE_IOERR_CHECKRESERVEDLOCK };
    // SAFETY: it is a place for a number.
    unsafe { *reserved = c_int::from(found) };
    ffi::SQLITE_OK
}

extern "C" fn file_control(_file: *mut sqlite3_file, _operation: c_int, _argument: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

extern "C" fn sector_size(_file: *mut sqlite3_file) -> c_int {
    4096
}

/// What SQLite's own layer says of a disk: a write that is cut short hurts nothing beside it.
extern "C" fn device_characteristics(_file: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

/// # Safety
/// SQLite's: see [`handle`]; `into` is a place.
unsafe extern "C" fn shm_map(
    file: *mut sqlite3_file,
    number: c_int,
    bytes: c_int,
    make: c_int,
    into: *mut *mut c_void,
) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    let found = handle.disk().region(&handle.file, natural(number), natural(bytes), make != 0);
    let Ok(region) = found else { return ffi::SQLITE_IOERR_SHMMAP };
    let shown = region.as_ref().map_or(std::ptr::null_mut(), address).cast::<c_void>();
    handle.regions.extend(region);
    // SAFETY: it is a place for a pointer.
    unsafe { *into = shown };
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, from: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    let slots = natural(from)..natural(from) + natural(count);
    let mut disk = handle.disk();
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        disk.unlock_slots(&handle.file, slots);
        return ffi::SQLITE_OK;
    }
    match disk.lock_slots(&handle.file, slots, flags & ffi::SQLITE_SHM_EXCLUSIVE != 0) {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(_) => ffi::SQLITE_IOERR_SHMLOCK,
    }
}

extern "C" fn shm_barrier(_file: *mut sqlite3_file) {
    barrier();
}

/// # Safety
/// SQLite's: see [`handle`].
unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: the file is open.
    let handle = unsafe { handle(file) };
    handle.disk().leave_shared(&handle.file, delete != 0);
    handle.regions.clear();
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite's: `name` ends with a zero.
unsafe extern "C" fn delete(_vfs: *mut sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: it ends with a zero.
    let name = unsafe { CStr::from_ptr(name) };
    let Some((disk, name)) = name.to_str().ok().and_then(find) else { return ffi::SQLITE_IOERR_DELETE };
    match disk.lock().unwrap_or_else(PoisonError::into_inner).delete(name, sync != 0) {
        Err(Fault::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        result => code(result, ffi::SQLITE_IOERR_DELETE),
    }
}

/// # Safety
/// SQLite's: `name` ends with a zero, `found` is a place.
unsafe extern "C" fn access(_vfs: *mut sqlite3_vfs, name: *const c_char, _flags: c_int, found: *mut c_int) -> c_int {
    // SAFETY: it ends with a zero.
    let name = unsafe { CStr::from_ptr(name) };
    let Some((disk, name)) = name.to_str().ok().and_then(find) else { return ffi::SQLITE_IOERR_ACCESS };
    let exists = disk.lock().unwrap_or_else(PoisonError::into_inner).exists(name);
    let Ok(exists) = exists else { return ffi::SQLITE_IOERR_ACCESS };
    // SAFETY: it is a place for a number.
    unsafe { *found = c_int::from(exists) };
    ffi::SQLITE_OK
}

/// # Safety
/// SQLite's: `name` ends with a zero, `into` has room for `room` bytes.
unsafe extern "C" fn full_pathname(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    into: *mut c_char,
) -> c_int {
    // SAFETY: it ends with a zero.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if bytes.len() > natural(room) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: there is room, and the two do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), into.cast::<u8>(), bytes.len()) };
    ffi::SQLITE_OK
}
