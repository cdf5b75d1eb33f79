using Baton.Durable.Bench.Targets;

namespace Baton.Durable.Bench;

/// <summary>Where things are, and the targets made from it. Every target gets a directory of its own under one, so all are on one disk.</summary>
internal sealed class BenchSetup(IReadOnlyList<string> batons, string directory) : IDisposable
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

    public static BenchSetup Create(IReadOnlyList<string> batons, string directory, bool restate)
    {
        if (batons.FirstOrDefault(static baton => !File.Exists(baton)) is { } missing)
        {
            throw new FileNotFoundException($"There is no server at {missing}. Build src/Baton.Cli, or name one with --baton.");
        }
        return new BenchSetup(batons, Directory.CreateDirectory(Path.Combine(directory, $"baton-bench-{Environment.ProcessId}")).FullName) { HasRestate = restate };
    }

    /// <summary>What the names of <c>--targets</c> stand for.</summary>
    public IReadOnlyList<ITarget> Targets(IEnumerable<string> names) => [.. names.SelectMany<string, ITarget>(name => name switch
    {
        "floor" => [TemporalTarget.Floor()],
        "volatile" => batons.Select((baton, i) => TemporalTarget.Baton(Numbered("baton, volatile", i), baton, database: null)),
        "durable" => batons.Select((_, i) => DurableBaton(i)),
        _ => [Restate()],
    })];

    public TemporalTarget DurableBaton(int build = 0) => TemporalTarget.Baton(Numbered("baton", build), batons[build], Path.Combine(NewDirectory(), "baton.db"));

    public RestateTarget Restate() => new(Path.Combine(Repository, "bench", "restate"), NewDirectory());

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static string Numbered(string name, int build) => build == 0 ? name : $"{name} ({build + 1})";

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
