using System.Runtime.CompilerServices;

namespace Baton.Server.Bench.Servers;

/// <summary>Where the servers of one run keep their state: all on one disk, gone afterwards.</summary>
internal sealed class BenchFolder : IDisposable
{
    private readonly DirectoryInfo root;
    private int made;

    /// <param name="baton">The executable that is measured.</param>
    public BenchFolder(string parent, string baton)
    {
        Baton = File.Exists(baton) ? baton : throw new FileNotFoundException($"There is no server at {baton}. Build src/Baton.Cli in this configuration, or name one with --baton.");
        root = Directory.CreateDirectory(Path.Combine(Path.GetFullPath(parent), $"baton-server-bench-{Environment.ProcessId}"));
    }

    public string Baton { get; }

    /// <summary>The executable that is built along with this program, in the same configuration.</summary>
    public static string BuiltBaton
    {
        get
        {
            var output = new DirectoryInfo(AppContext.BaseDirectory);
            return Path.Combine(Repository(), "src", "Baton.Cli", "bin", output.Parent!.Name, output.Name, "baton");
        }
    }

    /// <summary>A folder of its own for one server.</summary>
    public string New(string name) => root.CreateSubdirectory($"{++made}-{name}").FullName;

    public void Dispose() => root.Delete(recursive: true);

    private static string Repository([CallerFilePath] string source = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "..", "..", ".."));
}
