using System.Text.Json;
using System.Text.RegularExpressions;

namespace Baton.Conformance.Cases;

/// <summary>
/// The suite of typescript/, run once under node against the same server, with a row for each of its cases. Names are read from the sources, so
/// a case that did not report is a failure.
/// </summary>
public partial class TypeScriptTests(TypeScriptTests.Run run) : IClassFixture<TypeScriptTests.Run>
{
    public static TheoryData<string> Names => new(
        Directory.EnumerateFiles(Path.Combine(Repository.TypeScript, "cases"), "*.js").Order()
            .SelectMany(file => CaseName().Matches(File.ReadAllText(file))).Select(match => match.Groups[1].Value));

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Case(string name)
    {
        var outcomes = await run.Outcomes;
        Assert.True(outcomes.TryGetValue(name, out var outcome), $"node reported nothing for this case. {run.Diagnostics}");
        Assert.True(outcome.Passed, outcome.Error);
    }

    [GeneratedRegex(@"^  it\('(.*?)',", RegexOptions.Multiline)]
    private static partial Regex CaseName();

    internal sealed record Outcome(string Name, bool Passed, string? Error);

    public sealed class Run(ServerFixture server) : IAsyncLifetime
    {
        internal Task<IReadOnlyDictionary<string, Outcome>> Outcomes { get; private set; } = null!;

        internal string Diagnostics { get; private set; } = "";

        public ValueTask InitializeAsync()
        {
            Outcomes = RunAsync();
            return ValueTask.CompletedTask;
        }

        public async ValueTask DisposeAsync() => await Outcomes;

        private async Task<IReadOnlyDictionary<string, Outcome>> RunAsync()
        {
            if (!Directory.Exists(Path.Combine(Repository.TypeScript, "node_modules")))
            {
                await ChildProcess.RunAsync("npm", ["ci", "--no-audit", "--no-fund"], Repository.TypeScript);
            }
            var environment = new Dictionary<string, string?> { ["BATON_CONFORMANCE_ADDRESS"] = server.Address };
            if (!ServerFixture.IsExternal)
            {
                environment["BATON_CONFORMANCE_EXECUTABLE"] = await Repository.GetExecutableAsync();
            }
            var result = await ChildProcess.RunAsync(
                "node", ["--test-reporter=./reporter.js", "suite.test.js"], Repository.TypeScript, environment, throwOnFailure: false);
            Diagnostics = result.Error;
            return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(line => line.StartsWith('{'))
                .Select(line => JsonSerializer.Deserialize<Outcome>(line, JsonSerializerOptions.Web)!)
                .ToDictionary(outcome => outcome.Name);
        }
    }
}
