using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Baton.Server.Errors;

namespace Baton.Server.Secrets;

/// <summary>
/// The master keys, in a file outside the database: {"current": ID, "keys": [{"id", "created", "key"}]}, 32 random bytes
/// each, for the owner only. Made at the first start.
///
/// No master key is used itself: each purpose has a key derived from it (HKDF-SHA256), and what is made with one names the
/// id of its master key. Rotation adds a key and makes it the current one; the old ones stay for what was made with them.
/// Replicas that share a database share this file: each needs the keys that the others wrote with.
/// </summary>
internal sealed class KeyRing
{
    public const string FileName = "keys.json";
    public const int KeyBytes = 32;

    private readonly string path;
    private readonly TimeProvider time;
    private readonly Lock reading = new();
    private readonly ConcurrentDictionary<(string Id, string Purpose), byte[]> derived = new();
    private volatile KeyFile file;

    private KeyRing(string path, TimeProvider time, KeyFile file)
    {
        this.path = path;
        this.time = time;
        this.file = file;
    }

    /// <summary>Id of the key that new things are made with.</summary>
    public string Current => file.Current;

    public IReadOnlyList<string> Ids => [.. file.Keys.Select(key => key.Id)];

    /// <exception cref="BatonException">The file cannot be read or made, or others may read it.</exception>
    public static KeyRing Open(string path, TimeProvider time)
    {
        try
        {
            if (!File.Exists(path))
            {
                Create(path, time);
            }
            return new(path, time, Read(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or FormatException)
        {
            throw new BatonException(
                ErrorCodes.KeyFileUnusable, $"the key file {path} cannot be used", exception.Message,
                "let only the server's account read it; without it, what is encrypted stays so: bring it back from where it is kept safe", exception);
        }
    }

    /// <summary>The key of a purpose, 32 bytes.</summary>
    /// <param name="purpose">`audit`, `secrets`...: one for each use, never shared.</param>
    /// <param name="id">Master key; the current one by default.</param>
    /// <exception cref="BatonException">The file has no such key, even when read again.</exception>
    public byte[] Derive(string purpose, string? id = null)
    {
        id ??= Current;
        return derived.GetOrAdd((id, purpose), _ => HKDF.DeriveKey(
            HashAlgorithmName.SHA256, Master(id), KeyBytes, info: Encoding.UTF8.GetBytes($"baton/{purpose}")));
    }

    /// <summary>Whether the key is known.</summary>
    public bool Has(string id)
    {
        if (Find(id) is null)
        {
            Reload();
        }
        return Find(id) is not null;
    }

    /// <summary>Adds a key, and makes it the current one.</summary>
    public string Rotate()
    {
        lock (reading)
        {
            var key = NewKey(time);
            var next = new KeyFile(key.Id, [.. Read(path).Keys, key]);
            Write(path, next, overwrite: true);
            file = next;
            return key.Id;
        }
    }

    private byte[] Master(string id) => Has(id)
        ? Convert.FromBase64String(Find(id)!.Key)
        : throw new BatonException(
            ErrorCodes.KeyUnknown, $"the key file has no key {id}", $"{path} has {string.Join(", ", Ids)}",
            "give each replica the same key file; if it was replaced, bring the old one back");

    private MasterKey? Find(string id) => file.Keys.FirstOrDefault(key => key.Id == id);

    private void Reload()
    {
        lock (reading)
        {
            file = Read(path);
        }
    }

    private static void Create(string path, TimeProvider time)
    {
        var key = NewKey(time);
        try
        {
            Write(path, new KeyFile(key.Id, [key]), overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another replica was first: its file is as good.
        }
    }

    private static KeyFile Read(string path)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
        {
            throw new UnauthorizedAccessException("everybody at this machine may read or write it (chmod 600)");
        }
        var read = JsonSerializer.Deserialize<KeyFile>(File.ReadAllBytes(path), JsonSerializerOptions.Web) ?? throw new JsonException("it is empty");
        if (read.Keys.Count == 0 || read.Keys.All(key => key.Id != read.Current) || read.Keys.Any(key => Convert.FromBase64String(key.Key).Length != KeyBytes))
        {
            throw new JsonException("it lacks its current key, or has a key that is not 32 bytes");
        }
        return read;
    }

    // A file of another name first: one that is half written is never seen under the right name.
    private static void Write(string path, KeyFile file, bool overwrite)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using (var stream = new FileStream(temporary, options))
        {
            JsonSerializer.Serialize(stream, file, JsonSerializerOptions.Web);
            stream.Flush(flushToDisk: true);
        }
        try
        {
            File.Move(temporary, path, overwrite);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static MasterKey NewKey(TimeProvider time) => new(
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)), time.GetUtcNow(), Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes)));

    private sealed record KeyFile(string Current, IReadOnlyList<MasterKey> Keys);

    private sealed record MasterKey(string Id, DateTimeOffset Created, string Key);
}
