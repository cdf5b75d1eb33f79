using System.CommandLine;
using Baton.Durable.Bench;
using Baton.Durable.Bench.Capacity;
using Baton.Durable.Bench.Floor;
using Baton.Durable.Bench.Load;
using Baton.Durable.Bench.Targets;

var root = new RootCommand("Measures durable execution: Baton beside the floor of its protocol and beside Restate.");
root.Subcommands.Add(RunVerb());
root.Subcommands.Add(KillVerb());
root.Subcommands.Add(FloorVerb());
return await root.Parse(args).InvokeAsync();

static Command RunVerb()
{
    string[] scenarios = ["one", "remote", "local"];
    string[] capacities = ["start", "open", "recovery", "stored"];
    var only = List("--only", "What to measure; all of it by default.", [.. scenarios, .. capacities]);
    var targets = List("--targets", "Whom to load; all by default.", "floor", "volatile", "durable", "restate");
    var atOnce = new Option<int[]>("--at-once") { Description = "Workflows under way at once.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1, 64, 1000] };
    var seconds = new Option<int>("--seconds") { Description = "Length of each measurement.", DefaultValueFactory = _ => 10 };
    var warmUp = new Option<int>("--warm-up") { Description = "Seconds of load before each measurement.", DefaultValueFactory = _ => 3 };
    var open = new Option<int>("--open") { Description = "Workflows of the `open` measure.", DefaultValueFactory = _ => 10_000 };
    var recover = new Option<int>("--recover") { Description = "Executions of the `recovery` measure.", DefaultValueFactory = _ => 100_000 };
    var directory = new Option<string>("--dir") { Description = "Where state is kept; its disk is what is measured.", DefaultValueFactory = _ => Environment.CurrentDirectory };
    var rounds = new Option<int>("--rounds") { Description = "How often the targets take turns at each load.", DefaultValueFactory = _ => 1 };
    var baton = new Option<string[]>("--baton")
    {
        Description = "Server executable; several are compared, and the first one has its capacity measured.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [BenchSetup.BuiltBaton],
    };
    var json = new Option<string?>("--json") { Description = "File to write the figures to as well." };
    var command = new Command("run", "Measure and print tables.") { only, targets, atOnce, rounds, seconds, warmUp, open, recover, directory, baton, json };
    command.SetAction(async (parsed, _) =>
    {
        var wanted = parsed.GetValue(only)!;
        var loaded = parsed.GetValue(targets)!;
        using var setup = BenchSetup.Create(parsed.GetValue(baton)!, parsed.GetValue(directory)!, loaded.Contains("restate"));
        var report = new Report();
        Console.Error.WriteLine(Report.Machine());
        var chosen = Enum.GetValues<Scenario>().Where(scenario => wanted.Contains(scenarios[(int)scenario])).ToArray();
        if (chosen.Length > 0)
        {
            var plan = new LoadPlan(chosen, parsed.GetValue(atOnce)!, parsed.GetValue(rounds), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), TimeSpan.FromSeconds(parsed.GetValue(seconds)));
            await plan.RunAsync(setup.Targets(loaded), report);
        }
        foreach (var capacity in capacities.Where(wanted.Contains))
        {
            Console.Error.WriteLine(capacity);
            report.Capacity.AddRange(capacity switch
            {
                "start" => await Startup.MeasureAsync(setup),
                "open" => await OpenWorkflows.MeasureAsync(setup, parsed.GetValue(open)),
                "recovery" => await Recovery.MeasureAsync(setup, parsed.GetValue(recover)),
                _ => await StoredBytes.MeasureAsync(setup),
            });
        }
        report.Print(Console.Out);
        if (parsed.GetValue(json) is { } path)
        {
            await report.WriteJsonAsync(path);
        }
    });
    return command;
}

static Command KillVerb()
{
    var kills = new Option<int>("--kills") { Description = "How often the server is killed.", DefaultValueFactory = _ => 1000 };
    var seed = new Option<int>("--seed") { Description = "Seed of the instants.", DefaultValueFactory = _ => 1 };
    var command = new Command("kill", "Run the kill tests of tests/Baton.Conformance at length.") { kills, seed };
    command.SetAction((parsed, cancel) => KillRun.RunAsync(parsed.GetValue(kills), parsed.GetValue(seed), cancel));
    return command;
}

static Command FloorVerb()
{
    var port = new Argument<int>("port");
    var command = new Command(FloorServer.Verb, "Serve the floor; the bench starts it itself.") { port };
    command.Hidden = true;
    command.SetAction((parsed, cancel) => FloorServer.RunAsync(parsed.GetValue(port), cancel));
    return command;
}

static Option<string[]> List(string name, string description, params string[] values)
{
    var option = new Option<string[]>(name) { Description = description, AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => values };
    option.AcceptOnlyFromAmong(values);
    return option;
}
