using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Baton.Jq.Bench;

/// <summary>
/// Ten usual filters, each by every program in turn, round after round, so that other load meets all of them alike.
/// CPU time (user and system, children's included) is what is compared: it moves less than the clock on a shared machine.
/// </summary>
internal static class Comparison
{
    private static readonly (string Name, string Filter)[] Filters =
    [
        ("identity", "."),
        ("field", ".user.name"),
        ("select", "select(.status >= 500) | .id"),
        ("object", "{id, who: .user.name, ms: .duration}"),
        ("array", "[.tags[] | ascii_upcase]"),
        ("arithmetic", ".duration * 2 + .bytes / 1024 | floor"),
        ("update", ".user.visits += 1 | del(.path)"),
        ("test", "select(.path | test(\"^/api/v[0-9]+/orders/\")) | .path"),
        ("string", "\"\\(.id) \\(.user.name | ascii_downcase): \\(.path | split(\"/\") | last)\""),
        ("group", "[inputs.status] | group_by(.) | map({status: .[0], count: length})"),
    ];

    public static int Run(int megabytes, int rounds, string[] only)
    {
        var file = Path.Combine(Path.GetTempPath(), $"baton-jq-bench-{megabytes}.jsonl");
        Generate(file, megabytes);
        var programs = new List<(string Name, string Command, string[] Prefix)>
        {
            ("baton", Environment.ProcessPath!, Prefix()),
        };
        foreach (var other in new[] { "jq", "gojq" })
        {
            if (Installed(other))
            {
                programs.Add((other, other, ["-c"]));
            }
            else
            {
                Console.Error.WriteLine($"{other} is not installed; it is left out.");
            }
        }

        Console.WriteLine($"{megabytes} MB of JSON lines, CPU seconds, least of {rounds} rounds; wall seconds in brackets");
        Console.WriteLine("| filter | " + string.Join(" | ", programs.Select(p => p.Name)) + " | " + string.Join(" | ", programs.Skip(1).Select(p => $"{p.Name} / baton")) + " |");
        Console.WriteLine("|---" + string.Concat(Enumerable.Repeat("|---", (2 * programs.Count) - 1)) + "|");
        foreach (var (name, filter) in Filters.Where(f => only.Length == 0 || only.Contains(f.Name)))
        {
            var best = new Sample?[programs.Count];
            for (var round = 0; round < rounds; round++)
            {
                for (var i = 0; i < programs.Count; i++)
                {
                    var sample = Measure(programs[i].Command, [.. programs[i].Prefix, filter, file]);
                    best[i] = best[i] is { } known && known.Cpu <= sample.Cpu ? known : sample;
                }
            }

            var numbers = best.Select(b => string.Create(CultureInfo.InvariantCulture, $"{b!.Cpu:0.00} ({b.Wall:0.00})"));
            var ratios = best.Skip(1).Select(b => string.Create(CultureInfo.InvariantCulture, $"{b!.Cpu / best[0]!.Cpu:0.0}"));
            Console.WriteLine($"| {name} | {string.Join(" | ", numbers)} | {string.Join(" | ", ratios)} |");

            // gojq sorts the keys of objects; jq writes what Baton writes, byte for byte.
            if (programs.FindIndex(p => p.Name == "jq") is var jq and > 0 && best[jq]!.Digest != best[0]!.Digest)
            {
                Console.Error.WriteLine($"{name}: the outputs of jq and baton differ.");
                return 1;
            }
        }

        File.Delete(file);
        return 0;
    }

    private static string[] Prefix() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet" ? [Environment.GetCommandLineArgs()[0], "filter"] : ["filter"];

    private static bool Installed(string command) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, command)));

    private static Sample Measure(string command, string[] arguments)
    {
        // An ended child's CPU time is known to its shell; the runtime has no call for it.
        const string Timed = "TIMEFORMAT='%3U %3S'; time \"$0\" \"$@\"";
        var start = new ProcessStartInfo("bash", ["-c", Timed, command, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        var digest = Convert.ToHexString(SHA256.HashData(process.StandardOutput.BaseStream));
        var times = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{command} ended with {process.ExitCode}: {times}");
        }

        var cpu = times.Trim().Split('\n')[^1].Split(' ').Sum(t => double.Parse(t, CultureInfo.InvariantCulture));
        return new(cpu, clock.Elapsed.TotalSeconds, digest);
    }

    /// <summary>Lines as a web server might log them; the same on every machine.</summary>
    private static void Generate(string file, int megabytes)
    {
        var random = new Random(20_260_101);
        string[] names = ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Zoë Müller", "王小明"];
        string[] paths = ["/api/v1/orders/", "/api/v2/orders/", "/static/app.js?", "/api/v1/users/", "/health/"];
        string[] tags = ["cache", "retry", "slow", "mobile", "beta", "eu-west"];
        using var output = new StreamWriter(file, append: false, new UTF8Encoding(false), 1 << 16);
        for (long written = 0, id = 1; written < megabytes * 1_000_000L; id++)
        {
            var path = paths[random.Next(paths.Length)] + random.Next(100_000);
            var some = string.Join(',', tags.Where(_ => random.Next(3) == 0).Select(t => $"\"{t}\""));
            var line = string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"id\":{id},\"time\":\"2026-01-{random.Next(1, 29):00}T{random.Next(24):00}:{random.Next(60):00}:00Z\",\"status\":{(random.Next(20) == 0 ? 500 : 200 + random.Next(3))},\"path\":\"{path}\",\"duration\":{random.Next(100_000) / 64.0},\"bytes\":{random.Next(1_000_000)},\"user\":{{\"id\":{random.Next(10_000)},\"name\":\"{names[random.Next(names.Length)]}\",\"visits\":{random.Next(100)},\"admin\":{(random.Next(9) == 0 ? "true" : "false")}}},\"tags\":[{some}],\"note\":{(random.Next(4) == 0 ? "\"line one\\nline \\\"two\\\"\"" : "null")}}}");
            output.WriteLine(line);
            written += Encoding.UTF8.GetByteCount(line) + 1;
        }
    }

    private sealed record Sample(double Cpu, double Wall, string Digest);
}
