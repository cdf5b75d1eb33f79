using System.CommandLine;
using Baton.Server.Bench.Load;
using Baton.Server.Bench.Measures;
using Baton.Server.Bench.Servers;
using Baton.Server.Bench.Soak;

var root = new RootCommand("Measures the server: events, API, tasks, flows, the cost of tracing, and whether it stays as it is for an hour.");
root.Subcommands.Add(RunVerb());
root.Subcommands.Add(SoakVerb());
root.Subcommands.Add(FloorVerb());
return await root.Parse(args).InvokeAsync();

static Command RunVerb()
{
    string[] measures = ["events", "api", "tasks", "flows", "tracing"];
    var only = new Option<string[]>("--only") { Description = "What to measure; all of it by default.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => measures };
    only.AcceptOnlyFromAmong(measures);
    var seconds = new Option<int>("--seconds") { Description = "Length of each measurement.", DefaultValueFactory = _ => 3 };
    var warmUp = new Option<int>("--warm-up") { Description = "Seconds of load before each measurement.", DefaultValueFactory = _ => 2 };
    var pairs = new Option<int>("--pairs") { Description = "Pairs of rounds without tracing and with it.", DefaultValueFactory = _ => 12 };
    var (directory, baton) = (Folder(), Executable());
    var command = new Command("run", "Measure and print tables.") { only, seconds, warmUp, pairs, directory, baton };
    command.SetAction(async (parsed, _) =>
    {
        using var folders = new BenchFolder(parsed.GetValue(directory)!, parsed.GetValue(baton)!);
        var times = new LoadTimes(TimeSpan.FromSeconds(parsed.GetValue(warmUp)), TimeSpan.FromSeconds(parsed.GetValue(seconds)));
        foreach (var measure in measures.Where(parsed.GetValue(only)!.Contains))
        {
            switch (measure)
            {
                case "events": Print(await EventsIn.MeasureAsync(folders, times)); break;
                case "api": Print(await ApiCalls.MeasureAsync(folders, times)); break;
                case "tasks": Print(await TaskLife.MeasureAsync(folders, times)); break;
                case "flows": Print(await FlowRuns.MeasureAsync(folders, times)); break;
                default: Console.WriteLine(await Tracing.MeasureAsync(folders, times, parsed.GetValue(pairs))); break;
            }
        }
    });
    return command;

    static void Print(LoadTable table) => table.Print(Console.Out);
}

static Command SoakVerb()
{
    var minutes = new Option<int>("--minutes") { Description = "How long.", DefaultValueFactory = _ => 60 };
    var warmUp = new Option<int>("--warm-up") { Description = "Minutes that do not count: until what is kept for minutes only has reached its size.", DefaultValueFactory = _ => 22 };
    var rate = new Option<double>("--rate") { Description = "Events a second; each becomes a run, a task and its answer.", DefaultValueFactory = _ => 2 };
    var (directory, baton) = (Folder(), Executable());
    var command = new Command("soak", "A steady load; fails when memory, handles or files grow.") { minutes, warmUp, rate, directory, baton };
    command.SetAction(async (parsed, _) =>
    {
        using var folders = new BenchFolder(parsed.GetValue(directory)!, parsed.GetValue(baton)!);
        return await SoakRun.RunAsync(folders, parsed.GetValue(minutes), parsed.GetValue(warmUp), parsed.GetValue(rate), Console.Out) ? 0 : 1;
    });
    return command;
}

static Command FloorVerb()
{
    var port = new Argument<int>("port");
    var file = new Argument<string>("file");
    var command = new Command(FloorServer.Verb, "Serve the floor; the bench starts it itself.") { port, file };
    command.Hidden = true;
    command.SetAction((parsed, cancel) => FloorServer.RunAsync(parsed.GetValue(port), parsed.GetValue(file)!, cancel));
    return command;
}

static Option<string> Folder() => new("--dir") { Description = "Where state is kept; its disk is what is measured.", DefaultValueFactory = _ => Environment.CurrentDirectory };

static Option<string> Executable() => new("--baton") { Description = "Server executable.", DefaultValueFactory = _ => BenchFolder.BuiltBaton };
