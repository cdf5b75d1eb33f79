using Baton.Jq;
using Baton.Jq.Bench;

// Measures Baton.Jq beside the jq and gojq that are installed, over the same generated JSON lines. Every run is a
// process of its own, this program's too:
//   dotnet run -c Release --project bench/Baton.Jq.Bench -- [--megabytes 100] [--rounds 3] [--only NAME ...]
//   dotnet run -c Release --project bench/Baton.Jq.Bench -- filter FILTER FILE    (what a measured run does)
//   dotnet run -c Release --project bench/Baton.Jq.Bench -- fuzz [--inputs 1000000] [--seed N]
switch (args)
{
    case ["filter", var filter, var file]:
        using (var input = File.OpenRead(file))
        using (var output = Console.OpenStandardOutput())
        {
            return new JqRunner(JqProgram.Parse(filter), new JqRunOptions { Indent = 0 }).Run(input, output);
        }

    case ["fuzz", ..]:
        return Fuzz.Run(Option("--inputs", 1_000_000), Option("--seed", 1));

    default:
        return Comparison.Run(Option("--megabytes", 100), Option("--rounds", 3), [.. args.SkipWhile(a => a != "--only").Skip(1)]);
}

int Option(string name, int otherwise) =>
    Array.IndexOf(args, name) is var i and >= 0 && i + 1 < args.Length ? int.Parse(args[i + 1]) : otherwise;
