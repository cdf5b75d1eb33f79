using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Baton.Flows.Hosting;

/// <summary>
/// Where flows keep values of more than 256 KiB, by what they contain. Implementations promise: a value is durable when
/// <see cref="PutAsync"/> has returned, the same content has the same name, and what is read is what was put.
/// </summary>
public interface IFlowBlobs
{
    /// <returns>The SHA-256 of the content, in lower-case hexadecimal.</returns>
    ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken);

    /// <returns>The content, or null if there is none of this name.</returns>
    ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken);
}

/// <summary>Keeps values in memory: for single runs, tests, and servers that keep nothing else either.</summary>
public sealed class MemoryBlobs : IFlowBlobs
{
    private readonly ConcurrentDictionary<string, byte[]> _contents = new(StringComparer.Ordinal);

    public ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(content.Span));
        _contents.TryAdd(hash, content.ToArray());
        return new(hash);
    }

    public ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken) => new(_contents.GetValueOrDefault(hash));
}

/// <summary>
/// Keeps values as files <c>FOLDER/ab/cdef...</c>. A file is written under another name, flushed to disk, and renamed, so that
/// it is there whole or not at all. Any number of processes may share the folder.
/// </summary>
/// <param name="folder">Is made if it does not exist.</param>
/// <param name="time">Tells the age of values. Default: the system's time.</param>
public sealed class FolderBlobs(string folder, TimeProvider? time = null) : IFlowBlobs
{
    private const string Unfinished = ".new";

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    public async ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(content.Span));
        var path = PathOf(hash);
        try
        {
            // It counts as young again, or retention could take it from the run that has just put it.
            File.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime);
            return hash;
        }
        catch (IOException)
        {
            // It is not there yet.
        }
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var draft = $"{path}.{Guid.NewGuid():N}{Unfinished}";
        await using (var file = new FileStream(draft, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.Asynchronous))
        {
            await file.WriteAsync(content, cancellationToken);
            file.Flush(flushToDisk: true);
        }
        File.SetLastWriteTimeUtc(draft, _time.GetUtcNow().UtcDateTime);
        File.Move(draft, path, overwrite: true);
        return hash;
    }

    /// <exception cref="InvalidDataException">The file does not have the content that its name stands for.</exception>
    public async ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken)
    {
        byte[] content;
        try
        {
            content = await File.ReadAllBytesAsync(PathOf(hash), cancellationToken);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        return Convert.ToHexStringLower(SHA256.HashData(content)) == hash ? content
            : throw new InvalidDataException($"{PathOf(hash)} is damaged: its content does not have the hash of its name.");
    }

    /// <summary>Deletes values that nobody has put for as long as <paramref name="age"/>. It must be longer than runs last and are kept.</summary>
    /// <returns>How many were deleted.</returns>
    public int DeleteOlderThan(TimeSpan age)
    {
        if (!Directory.Exists(folder))
        {
            return 0;
        }
        var before = _time.GetUtcNow().UtcDateTime - age;
        var old = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => File.GetLastWriteTimeUtc(file) < before).ToList();
        foreach (var file in old)
        {
            File.Delete(file);
        }
        return old.Count(file => !file.EndsWith(Unfinished, StringComparison.Ordinal));
    }

    private string PathOf(string hash) => hash.Length == 64 && hash.All(char.IsAsciiHexDigitLower)
        ? Path.Combine(folder, hash[..2], hash[2..])
        : throw new ArgumentException($"'{hash}' is not the hash of a value.", nameof(hash));
}
