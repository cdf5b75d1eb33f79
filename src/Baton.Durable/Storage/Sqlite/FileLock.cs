namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// Keeps a second server off the same file: a lock file beside it, locked by the operating system as long as this process lives.
/// SQLite's own exclusive mode would keep our readers out as well.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private readonly FileStream file;

    private FileLock(FileStream file) => this.file = file;

    /// <exception cref="StoreException">Another server has the file open, or the lock file cannot be made.</exception>
    public static FileLock Take(string path)
    {
        var lockPath = path + ".lock";
        try
        {
            // The file stays when the lock goes: removing it would let two processes lock two files of one name.
            return new FileLock(new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (DirectoryNotFoundException failure)
        {
            throw new StoreException($"'{path}' cannot be opened: its directory does not exist. Make the directory, or name another file.", failure);
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new StoreException($"'{path}' cannot be opened: this user may not write in its directory. {failure.Message}", failure);
        }
        catch (IOException failure)
        {
            throw new StoreException($"'{path}' is in use by another Baton server, or its lock file '{lockPath}' cannot be written. Stop that server, or name another file. {failure.Message}", failure);
        }
    }

    public void Dispose() => file.Dispose();
}
