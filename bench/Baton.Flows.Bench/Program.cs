using System.CommandLine;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Baton.Flows.Bench;
using Baton.Flows.Bench.Fuzzing;

if (Coverage.IsOn)
{
    Coverage.Begin();
}
var root = new RootCommand("Measures flows: Baton beside Node-RED and n8n; and breaks what comes in for the readers.");
root.Subcommands.Add(RunVerb());
root.Subcommands.Add(StoredVerb());
root.Subcommands.Add(FuzzVerb());
return await root.Parse(args).InvokeAsync();

static Command RunVerb()
{
    var atOnce = new Option<int[]>("--at-once") { Description = "Runs under way at once.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1, 64] };
    var (seconds, warmUp, directory, baton) = (Seconds(), WarmUp(), Folder(), Executable());
    var nodeRed = new Option<string?>("--node-red") { Description = "Folder in which `npm install node-red` was run; without it, Node-RED is left out." };
    var n8n = new Option<string?>("--n8n") { Description = "Folder in which `npm install n8n` was run; without it, n8n is left out." };
    var node = new Option<string>("--node") { Description = "Node.js: 22.9 or later for Node-RED, 24 for n8n.", DefaultValueFactory = _ => "node" };
    var command = new Command("run", "Start a run, three set steps, its answer: runs a second, latency, CPU time.") { atOnce, seconds, warmUp, directory, baton, nodeRed, n8n, node };
    command.SetAction(async (parsed, _) =>
    {
        var database = Path.Combine(parsed.GetValue(directory)!, $"flows-bench-{Guid.NewGuid():N}.db");
        var targets = new List<ITarget> { new ServerTarget(parsed.GetValue(baton)!, database + ".d"), new BatonTarget(parsed.GetValue(baton)!, database) };
        if (parsed.GetValue(nodeRed) is { } folder)
        {
            targets.Add(new NodeRedTarget(parsed.GetValue(node)!, Path.GetFullPath(folder)));
        }
        if (parsed.GetValue(n8n) is { } installed)
        {
            targets.Add(new N8nTarget(parsed.GetValue(node)!, Path.GetFullPath(installed)));
        }
        Console.WriteLine(LoadResult.Header);
        try
        {
            // All stay up and take turns, so that other load on the machine meets each of them alike.
            foreach (var target in targets)
            {
                await target.StartAsync();
            }
            foreach (var callers in parsed.GetValue(atOnce)!)
            {
                foreach (var target in targets)
                {
                    Console.WriteLine(await Load.MeasureAsync(target, callers, TimeSpan.FromSeconds(parsed.GetValue(warmUp)), TimeSpan.FromSeconds(parsed.GetValue(seconds))));
                }
            }
        }
        finally
        {
            foreach (var target in targets)
            {
                await target.DisposeAsync();
            }
            Remove(database);
        }
    });
    return command;
}

static Command StoredVerb()
{
    var runs = new Option<int[]>("--runs") { Description = "Runs that are stored when the cost of one more is measured.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1_000, 100_000, 1_000_000] };
    var (seconds, warmUp, directory, baton) = (Seconds(), WarmUp(), Folder(), Executable());
    var command = new Command("stored", "The cost of a run beside many that are stored: the first thousand are real, the others copies of them.") { runs, seconds, warmUp, directory, baton };
    command.SetAction(async (parsed, _) =>
    {
        await using var target = new ServerTarget(parsed.GetValue(baton)!, Path.Combine(parsed.GetValue(directory)!, $"flows-bench-{Guid.NewGuid():N}"));
        await target.StartAsync();
        await Load.FillAsync(target, 1_000);
        Console.WriteLine("| stored | runs/s | p50 ms | p99 ms | CPU ms a run | list ms | of a flow | faulted | by id | bytes a run | filled in s |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (var wanted in parsed.GetValue(runs)!)
        {
            await target.StopAsync();
            var filling = Stopwatch.GetTimestamp();
            var stored = StoredRuns.Fill(target.DurableFile, wanted);
            var filled = Stopwatch.GetElapsedTime(filling).TotalSeconds;
            var bytes = new FileInfo(target.DurableFile).Length;
            await target.StartAsync();
            var result = await Load.MeasureAsync(target, 64, TimeSpan.FromSeconds(parsed.GetValue(warmUp)), TimeSpan.FromSeconds(parsed.GetValue(seconds)));
            double[] lists = [await target.ListMsAsync("limit=50"), await target.ListMsAsync("flow=bench/three&limit=50"), await target.ListMsAsync("status=faulted"), await target.ListMsAsync("text=nothing")];
            Console.WriteLine($"| {stored} | {result.Runs / result.Seconds:0} | {result.P50:0.0} | {result.P99:0.0} | {result.CpuMs / Math.Max(1, result.Runs):0.00} | {string.Join(" | ", lists.Select(ms => $"{ms:0.0}"))} | {bytes / stored} | {filled:0} |");
        }
    });
    return command;
}

static Command FuzzVerb()
{
    var kinds = new Option<string[]>("--target") { Description = $"What to break: {string.Join(", ", FuzzTargets.All.Select(t => t.Name))} (default all).", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [.. FuzzTargets.All.Select(t => t.Name)] };
    var inputs = new Option<int>("--inputs") { Description = "How many inputs for each.", DefaultValueFactory = _ => 1_000_000 };
    var seed = new Option<int>("--seed") { Description = "The same seed gives the same inputs.", DefaultValueFactory = _ => 1 };
    var folder = new Option<string>("--save") { Description = "Where an input that crashes or hangs is written.", DefaultValueFactory = _ => Environment.CurrentDirectory };
    var guided = new Option<bool>("--guided") { Description = "Count branches with SharpFuzz, and keep inputs that take new ones." };
    kinds.AcceptOnlyFromAmong([.. FuzzTargets.All.Select(t => t.Name)]);
    var command = new Command("fuzz", "Break sound flows, expressions and events in random ways, and read them: no crash, no hang.") { kinds, inputs, seed, folder, guided };
    command.SetAction(async (parsed, _) => parsed.GetValue(guided) && !Coverage.IsOn ? await Coverage.RunCopyAsync(Environment.GetCommandLineArgs().Skip(1)) : parsed.GetValue(kinds)!.Max(kind =>
        new FuzzRun(FuzzTargets.All.Single(t => t.Name == kind), Path.Combine(Root(), "examples"), parsed.GetValue(seed), parsed.GetValue(folder)!).Run(parsed.GetValue(inputs))));
    return command;
}

static Option<int> Seconds() => new("--seconds") { Description = "Length of each measurement.", DefaultValueFactory = _ => 10 };

static Option<int> WarmUp() => new("--warm-up") { Description = "Seconds of load before each measurement.", DefaultValueFactory = _ => 3 };

static Option<string> Folder() => new("--dir") { Description = "Where the database is kept; its disk is what is measured.", DefaultValueFactory = _ => Environment.CurrentDirectory };

static Option<string> Executable() => new("--baton") { Description = "Server executable.", DefaultValueFactory = _ => Path.Combine(Root(), "src", "Baton.Cli", "bin", "Release", "net10.0", "baton") };

static void Remove(string database)
{
    foreach (var file in Directory.GetFiles(Path.GetDirectoryName(database)!, Path.GetFileName(database) + "*"))
    {
        File.Delete(file);
    }
}

static string Root([CallerFilePath] string source = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(source)!, "..", ".."));
