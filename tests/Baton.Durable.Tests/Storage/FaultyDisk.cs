using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Baton.Durable.Storage.Sqlite;

namespace Baton.Durable.Tests.Storage;

/// <summary>
/// A disk that fails under SQLite when a test says so: writes and syncs of the files in one directory go through here.
/// </summary>
/// <remarks>
/// SQLite reaches files through a table of functions, <c>sqlite3_vfs</c>, whose <c>xOpen</c> gives each file a table of its own,
/// <c>sqlite3_io_methods</c>. Once in a process, <c>xOpen</c> of the default table is replaced by one that calls it and then puts a copy
/// of the file's table in place, with <c>xWrite</c> and <c>xSync</c> replaced in turn. Files outside of a faulty directory pass through.
/// </remarks>
internal sealed unsafe partial class FaultyDisk : IDisposable
{
    private const int Ok = 0;
    private const int IoErrorWrite = 10 | (3 << 8);
    private const int IoErrorSync = 10 | (4 << 8);
    private const int Full = 13;

    // Offsets of 64-bit SQLite, fixed by its compatibility promise.
    private const int VfsOpen = 40;
    private const int MethodsSize = 8 + 18 * 8;
    private const int MethodsWrite = 24;
    private const int MethodsSync = 40;

    private static readonly ConcurrentDictionary<string, FaultyDisk> Disks = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<nint, (FaultyDisk Disk, string Path, nint Methods)> Files = new();
    private static readonly ConcurrentDictionary<nint, nint> Copies = new();
    private static readonly delegate* unmanaged[Cdecl]<nint, byte*, nint, int, int*, int> OpenOfSqlite;

    private readonly string directory;
    private readonly ManualResetEventSlim syncsGoOn = new(initialState: true);
    private readonly SemaphoreSlim syncsHeld = new(0);
    private int failingSyncs;

    static FaultyDisk()
    {
        // Loads the library.
        RuntimeHelpers.RunClassConstructor(typeof(SqliteConnection).TypeHandle);
        var vfs = FindVfs(0);
        var open = (nint*)(vfs + VfsOpen);
        OpenOfSqlite = (delegate* unmanaged[Cdecl]<nint, byte*, nint, int, int*, int>)*open;
        *open = (nint)(delegate* unmanaged[Cdecl]<nint, byte*, nint, int, int*, int>)&Open;
    }

    public FaultyDisk(string directory)
    {
        this.directory = directory;
        Disks[directory] = this;
    }

    /// <summary>Writes to files whose names end so fail with an I/O error, or as on a full disk; null for none.</summary>
    public string? FailingWrites { get; set; }

    public bool IsFull { get; set; }

    /// <summary>Syncs of the log that fail from now on, one after the other. What was written before them stays written.</summary>
    public void FailSyncs(int count) => Volatile.Write(ref failingSyncs, count);

    /// <summary>Syncs wait until <see cref="ReleaseSyncs"/>.</summary>
    public void HoldSyncs() => syncsGoOn.Reset();

    /// <summary>Completes when a sync waits.</summary>
    public Task SyncHeld() => syncsHeld.WaitAsync();

    public void ReleaseSyncs() => syncsGoOn.Set();

    public void Dispose()
    {
        ReleaseSyncs();
        Disks.TryRemove(directory, out _);
    }

    private int OnWrite(string path)
    {
        if (IsFull)
        {
            return Full;
        }

        return FailingWrites is { } suffix && path.EndsWith(suffix, StringComparison.Ordinal) ? IoErrorWrite : Ok;
    }

    private int OnSync(string path)
    {
        if (!syncsGoOn.IsSet)
        {
            syncsHeld.Release();
            syncsGoOn.Wait();
        }
        return path.EndsWith("-wal", StringComparison.Ordinal) && Interlocked.Decrement(ref failingSyncs) >= 0 ? IoErrorSync : Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Open(nint vfs, byte* name, nint file, int flags, int* outFlags)
    {
        var code = OpenOfSqlite(vfs, name, file, flags, outFlags);
        var methods = *(nint*)file;
        var path = Marshal.PtrToStringUTF8((nint)name);
        if (code != Ok || methods == 0 || path is null || !Disks.TryGetValue(Path.GetDirectoryName(path) ?? "", out var disk))
        {
            return code;
        }

        Files[file] = (disk, path, methods);
        *(nint*)file = Copies.GetOrAdd(methods, Copy);
        return code;
    }

    private static nint Copy(nint methods)
    {
        var copy = NativeMemory.Alloc(MethodsSize);
        NativeMemory.Copy((void*)methods, copy, MethodsSize);
        *(nint*)((nint)copy + MethodsWrite) = (nint)(delegate* unmanaged[Cdecl]<nint, void*, int, long, int>)&Write;
        *(nint*)((nint)copy + MethodsSync) = (nint)(delegate* unmanaged[Cdecl]<nint, int, int>)&Sync;
        return (nint)copy;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(nint file, void* bytes, int count, long offset)
    {
        (var disk, var path, var methods) = Files[file];
        var fault = disk.OnWrite(path);
        return fault != Ok ? fault : ((delegate* unmanaged[Cdecl]<nint, void*, int, long, int>)*(nint*)(methods + MethodsWrite))(file, bytes, count, offset);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(nint file, int flags)
    {
        (var disk, var path, var methods) = Files[file];
        var fault = disk.OnSync(path);
        return fault != Ok ? fault : ((delegate* unmanaged[Cdecl]<nint, int, int>)*(nint*)(methods + MethodsSync))(file, flags);
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_find")]
    private static partial nint FindVfs(nint name);
}
