using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Deploy;

/// <summary>
/// Releases on disk. A release is releases/REVISION, complete from the moment it is there: it is put together aside and
/// renamed into place. `current` is a symbolic link, replaced by a rename, so that at any instant it points at one whole
/// release. Every act may be repeated, and killed at any point, with the same outcome.
/// </summary>
public sealed class ReleaseFolder(string root)
{
    private const int Kept = 5;

    private readonly string releases = Path.Combine(root, "releases");
    private readonly string current = Path.Combine(root, "current");

    public bool Has(string revision) => Directory.Exists(PathOf(revision));

    /// <summary>The revision that `current` points at; null before the first deploy.</summary>
    public string? Live() => new DirectoryInfo(current).LinkTarget is { } target ? Path.GetFileName(target) : null;

    /// <summary>Takes over the files in <paramref name="built"/>, which must lie on the same file system, as a release.</summary>
    public void Add(string revision, string built)
    {
        Directory.CreateDirectory(releases);
        File.WriteAllText(Path.Combine(built, "REVISION"), revision + "\n");
        try
        {
            Directory.Move(built, PathOf(revision));
        }
        catch (IOException) when (Has(revision))
        {
            // Another attempt was first, with the same content.
        }
    }

    /// <summary>Points `current` at a release, atomically.</summary>
    /// <param name="scratch">A folder for the link until it is in place.</param>
    public void Activate(string revision, string scratch)
    {
        Directory.CreateDirectory(scratch);
        var link = Path.Combine(scratch, $"link-{Guid.NewGuid():N}");
        Directory.CreateSymbolicLink(link, Path.Combine("releases", revision));
        // File.Move refuses a link to a folder; the system's rename replaces the link itself.
        if (Rename(link, current) != 0)
        {
            throw new IOException($"cannot rename {link} to {current}", new Win32Exception());
        }
    }

    /// <summary>Deletes all but the live release, the given one and the newest.</summary>
    public void Prune(string? keep)
    {
        if (!Directory.Exists(releases))
        {
            return;
        }
        var live = Live();
        var old = new DirectoryInfo(releases).GetDirectories()
            .Where(release => release.Name != live && release.Name != keep)
            .OrderByDescending(release => release.LastWriteTimeUtc)
            .Skip(Kept);
        foreach (var release in old)
        {
            release.Delete(recursive: true);
        }
    }

    private string PathOf(string revision) => Path.Combine(releases, revision);

    [DllImport("libc", EntryPoint = "rename", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Rename(string from, string to);
}
