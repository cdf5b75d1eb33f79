using System.Security.Cryptography;
using System.Text.Json;
using Baton.Server.Errors;
using Baton.Server.Hosting;
using Microsoft.Data.Sqlite;

namespace Baton.Server.Data.Tools;

/// <param name="Sha256">Of the copy, in hexadecimal.</param>
public sealed record BackupFile(string Name, long Bytes, string Sha256);

/// <param name="Files">Each is whole in itself; they are copied one after the other.</param>
public sealed record BackupManifest(int Version, DateTimeOffset MadeAt, IReadOnlyList<BackupFile> Files);

/// <summary>
/// Copies the databases of a data folder, also while the server works on them: SQLite's own backup takes one state of a file,
/// and writers go on meanwhile. A copy is checked by SQLite, and named with its hash in backup.json, without which a folder is no
/// backup: one that was broken off is never taken for a whole one. Spans are left out, and keys.json belongs elsewhere.
/// </summary>
internal static class DataBackup
{
    public const string ManifestName = "backup.json";

    private const int FormatVersion = 1;
    private const string Pattern = "*.db";
    private const string Spans = "traces.db";
    private const string Restoring = ".restoring";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <param name="folder">Data folder.</param>
    /// <param name="target">New folder.</param>
    /// <param name="writeRecords">Writes the records to a file, where they are not in the data folder; a records.db there is an old one, and left out.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Leaves what is no backup.</param>
    public static async Task<BackupManifest> MakeAsync(string folder, string target, Func<string, Task>? writeRecords, TimeProvider time, CancellationToken cancel)
    {
        var sources = Directory.Exists(folder) ? Directory.GetFiles(folder, Pattern).Where(file => Path.GetFileName(file) is not Spans && (writeRecords is null || Path.GetFileName(file) is not DataModule.FileName)).ToList() : [];
        if (sources.Count == 0 && writeRecords is null)
        {
            throw new BatonException(ErrorCodes.BackupInvalid, $"there is nothing to back up in {folder}", "it has no database", "name the data folder with --data");
        }
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new BatonException(ErrorCodes.BackupInvalid, $"{target} is not empty", null, "name a new folder");
        }
        Directory.CreateDirectory(target);
        var files = new List<BackupFile>();
        // Written beside, and then copied as the others are: checked, and a plain file.
        var written = Path.Combine(target, "writing");
        if (writeRecords is not null)
        {
            Directory.CreateDirectory(written);
            sources.Add(Path.Combine(written, DataModule.FileName));
            await writeRecords(sources[^1]);
        }
        foreach (var source in sources.OrderBy(Path.GetFileName, StringComparer.Ordinal))
        {
            var copy = Path.Combine(target, Path.GetFileName(source));
            await Task.Run(() => Copy(source, copy), cancel);
            files.Add(await DescribeAsync(copy, cancel));
        }
        if (writeRecords is not null)
        {
            Release(sources[^1]);
            Directory.Delete(written, recursive: true);
        }
        var manifest = new BackupManifest(FormatVersion, time.GetUtcNow(), files);
        await File.WriteAllTextAsync(Path.Combine(target, ManifestName), JsonSerializer.Serialize(manifest, Json), cancel);
        return manifest;
    }

    /// <summary>Puts a backup in the place of what a data folder holds, whose databases are kept as NAME.before-restore.</summary>
    /// <param name="backup">What <see cref="MakeAsync"/> made.</param>
    /// <param name="folder">Data folder of a server that is stopped.</param>
    /// <param name="readRecords">Takes the records from a file, where they are not to be in the data folder; before anything else changes.</param>
    /// <param name="cancel">Before anything has changed.</param>
    public static async Task<BackupManifest> RestoreAsync(string backup, string folder, Func<string, Task>? readRecords, CancellationToken cancel)
    {
        var manifest = await CheckAsync(backup, cancel);
        using var stopped = DataFolder.Open(folder);
        // Copied first, so that a full disk leaves everything as it was.
        foreach (var file in manifest.Files)
        {
            File.Copy(Path.Combine(backup, file.Name), stopped.File(file.Name + Restoring), overwrite: true);
        }
        if (readRecords is not null && manifest.Files.Any(file => file.Name == DataModule.FileName))
        {
            var records = stopped.File(DataModule.FileName + Restoring);
            await readRecords(records);
            Release(records);
            File.Delete(records);
        }
        foreach (var file in manifest.Files.Where(file => readRecords is null || file.Name != DataModule.FileName))
        {
            var place = stopped.File(file.Name);
            foreach (var beside in new[] { "", "-wal", "-shm" })
            {
                if (File.Exists(place + beside))
                {
                    File.Move(place + beside, $"{place}.before-restore{beside}", overwrite: true);
                }
            }
            File.Move(place + Restoring, place);
        }
        return manifest;
    }

    private static async Task<BackupManifest> CheckAsync(string backup, CancellationToken cancel)
    {
        BackupManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<BackupManifest>(await File.ReadAllTextAsync(Path.Combine(backup, ManifestName), cancel), Json);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new BatonException(ErrorCodes.BackupInvalid, $"{backup} is no backup", exception.Message, "name a folder that `baton db backup` made to its end", exception);
        }
        if (manifest is not { Version: FormatVersion, Files: { } files } || files.Any(file => file.Name != Path.GetFileName(file.Name)))
        {
            throw new BatonException(ErrorCodes.BackupInvalid, $"{backup} is no backup of this release", null, "restore it with the release that made it");
        }
        foreach (var file in files)
        {
            var copy = Path.Combine(backup, file.Name);
            if (!File.Exists(copy) || await DescribeAsync(copy, cancel) != file)
            {
                throw new BatonException(ErrorCodes.BackupInvalid, $"{copy} is not what was backed up", "its hash is another", "take another backup; this one is damaged");
            }
        }
        return manifest;
    }

    private static void Copy(string source, string copy)
    {
        using var from = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = source, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        using var to = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = copy, Pooling = false }.ToString());
        from.Open();
        to.Open();
        from.BackupDatabase(to);
        using var check = to.CreateCommand();
        check.CommandText = "PRAGMA integrity_check";
        if (check.ExecuteScalar() is not "ok")
        {
            throw new BatonException(ErrorCodes.BackupInvalid, $"the copy of {source} is damaged", "SQLite's check found faults", "check the disk; restore an earlier backup if the source is damaged too");
        }
        // A plain file, with no log beside it.
        check.CommandText = "PRAGMA journal_mode = DELETE";
        check.ExecuteNonQuery();
    }

    /// <summary>Closes a database that pooled connections still have open, with its log.</summary>
    private static void Release(string file)
    {
        SqliteConnection.ClearAllPools();
        foreach (var beside in new[] { "-wal", "-shm" })
        {
            File.Delete(file + beside);
        }
    }

    private static async Task<BackupFile> DescribeAsync(string path, CancellationToken cancel)
    {
        await using var stream = File.OpenRead(path);
        return new(Path.GetFileName(path), stream.Length, Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancel)));
    }
}
