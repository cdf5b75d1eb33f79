using Baton.Server.Errors;

namespace Baton.Server.Hosting;

/// <summary>The folder of everything that a server keeps, locked: the system frees the lock when this process dies, however it dies.</summary>
public sealed class DataFolder : IDisposable
{
    private readonly FileStream folderLock;

    private DataFolder(string path, FileStream folderLock)
    {
        Path = path;
        this.folderLock = folderLock;
    }

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <exception cref="BatonException">Another process has it.</exception>
    public static DataFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(path);
            return new(path, new FileStream(System.IO.Path.Combine(path, "up.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception)
        {
            throw new BatonException(
                ErrorCodes.AlreadyUp, $"a server runs on {path} already", exception.Message, "stop the other `baton up` or `baton server run` first", exception);
        }
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Database files, and the logs beside them.</summary>
    public IEnumerable<FileInfo> Databases() => new DirectoryInfo(Path).EnumerateFiles("*.db*").OrderBy(file => file.Name, StringComparer.Ordinal);

    public void Dispose() => folderLock.Dispose();
}
