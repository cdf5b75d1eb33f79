using Baton.Durable.Bench.Targets;

namespace Baton.Durable.Bench;

/// <summary>Where things are, and the targets made from it. Every target gets a directory of its own under one, so all are on one disk.</summary>
internal sealed class BenchSetup(string baton, string directory) : IDisposable
{
    private int targets;

    public static string Repository { get; } = FindRepository();

    /// <summary>The executable that is built along with this program, in the same configuration.</summary>
    public static string BuiltBaton
    {
        get
        {
            var output = new DirectoryInfo(AppContext.BaseDirectory);
            return Path.Combine(Repository, "src", "Baton.Cli", "bin", output.Parent!.Name, output.Name, "baton");
        }
    }

    public bool HasRestate { get; init; }

    public static BenchSetup Create(string baton, string directory, bool restate)
    {
        if (!File.Exists(baton))
        {
            throw new FileNotFoundException($"There is no server at {baton}. Build src/Baton.Cli, or name one with --baton.");
        }
        return new BenchSetup(baton, Directory.CreateDirectory(Path.Combine(directory, $"baton-bench-{Environment.ProcessId}")).FullName) { HasRestate = restate };
    }

    public TemporalTarget DurableBaton() => TemporalTarget.Baton("baton", baton, Path.Combine(NewDirectory(), "baton.db"));

    public TemporalTarget VolatileBaton() => TemporalTarget.Baton("baton, volatile", baton, database: null);

    public RestateTarget Restate() => new(Path.Combine(Repository, "bench", "restate"), NewDirectory());

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private string NewDirectory() => Directory.CreateDirectory(Path.Combine(directory, $"{++targets}")).FullName;

    private static string FindRepository()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Baton.slnx")))
            {
                return at.FullName;
            }
        }
        throw new DirectoryNotFoundException($"Baton.slnx is nowhere above {AppContext.BaseDirectory}: run the bench from a clone.");
    }
}
