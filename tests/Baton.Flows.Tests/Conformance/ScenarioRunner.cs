using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Flows.Interpret;
using Baton.Flows.Parse;
using Baton.Flows.Tests.Support;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Tests.Conformance;

/// <summary>Carries out the steps of one scenario. An unknown step is a failure, never passed over.</summary>
internal sealed partial class ScenarioRunner(Func<RunRequest, Task<RunResult>> run)
{
    private string? _definition;
    private JqValue _input = JqValue.FromObject([]);
    private readonly List<PlannedEvent> _events = [];
    private readonly Dictionary<string, JqValue> _secrets = [];
    private RunResult? _result;

    private RunResult Result => _result ?? throw new InvalidOperationException("The scenario expects something before the workflow is executed.");

    public async Task RunAsync(GherkinScenario scenario)
    {
        foreach (var step in scenario.Steps)
        {
            await StepAsync(step);
        }
    }

    private async Task StepAsync(GherkinStep step)
    {
        switch (step.Text)
        {
            case "a workflow with definition":
                _definition = step.Block;
                return;
            case "the workflow input is":
                _input = Yaml(step.Block!);
                return;
            case "the workflow is executed":
                _result = await run(new RunRequest(_definition!, _input) { Events = _events, Secrets = _secrets });
                return;
            case "the workflow should complete":
                AssertStatus(FlowStatus.Completed);
                return;
            case "the workflow should complete with output":
                AssertStatus(FlowStatus.Completed);
                AssertEqual(Yaml(step.Block!), Result.Output);
                return;
            case "the workflow should fault":
                AssertStatus(FlowStatus.Faulted);
                return;
            case "the workflow should fault with error":
                AssertStatus(FlowStatus.Faulted);
                AssertIncludes(Yaml(step.Block!), Result.Error!.ToValue());
                return;
            case "the workflow should be cancelled":
                AssertStatus(FlowStatus.Cancelled);
                return;
        }
        if (EventStep().Match(step.Text) is { Success: true } planned)
        {
            _events.Add(new PlannedEvent(planned.Groups["after"].Value, Yaml(step.Block!)));
        }
        else if (SecretStep().Match(step.Text) is { Success: true } secret)
        {
            _secrets[secret.Groups["name"].Value] = Yaml(step.Block!);
        }
        else if (PropertiesStep().Match(step.Text) is { Success: true } properties)
        {
            foreach (var path in Quoted().Matches(properties.Groups["list"].Value).Select(m => m.Groups["text"].Value))
            {
                Assert.True(Find(Result.Output, path) is not null, $"The output has no '{path}': {Result.Output.ToJson()}");
            }
        }
        else if (ValueStep().Match(step.Text) is { Success: true } value)
        {
            Assert.True(Find(Result.Output, value.Groups["path"].Value) == Yaml(step.Block!), $"'{value.Groups["path"].Value}' should be {step.Block!.Trim()} in {Result.Output.ToJson()}");
        }
        else if (CountStep().Match(step.Text) is { Success: true } count)
        {
            Assert.Equal(int.Parse(count.Groups["count"].Value, CultureInfo.InvariantCulture), Find(Result.Output, count.Groups["path"].Value)?.Count);
        }
        else if (OrderStep().Match(step.Text) is { Success: true } order)
        {
            AssertOrder(order.Groups["task"].Value, order.Groups["place"].Value, order.Groups["other"].Value);
        }
        else
        {
            Assert.Fail($"Unknown step: {step.Text}");
        }
    }

    private void AssertStatus(FlowStatus expected) =>
        Assert.True(expected == Result.Status, $"The run is {Result.Status}, expected {expected}. {Result.Error?.ToValue().ToJson()}");

    private void AssertOrder(string task, string place, string other)
    {
        var ran = Result.Steps.Where(s => s.Status != "skipped").Select(s => s.Name).ToList();
        switch (place)
        {
            case "first":
                Assert.Equal(task, ran[0]);
                break;
            case "last":
                Assert.Equal(task, ran[^1]);
                break;
            case "not run":
                Assert.DoesNotContain(task, ran);
                break;
            default:
                Assert.Contains(task, ran);
                Assert.Contains(other, ran);
                Assert.True(ran.IndexOf(task) > ran.IndexOf(other), $"{task} ran before {other}: {string.Join(", ", ran)}");
                break;
        }
    }

    private static JqValue? Find(JqValue value, string path)
    {
        foreach (var part in path.Split('.'))
        {
            if (value.Kind != JqKind.Object || !value.TryGetField(part, out value))
            {
                return null;
            }
        }
        return value;
    }

    private static void AssertEqual(JqValue expected, JqValue actual) => Assert.True(expected == actual, $"Expected {expected.ToJson()}, got {actual.ToJson()}");

    private static void AssertIncludes(JqValue part, JqValue actual)
    {
        foreach (var (name, value) in part.EnumerateObject())
        {
            AssertEqual(value, actual[name]);
        }
    }

    internal static JqValue Yaml(string text)
    {
        var problems = new DiagnosticBag();
        var node = SourceReader.Read(text, SourceLimits.Default, problems);
        Assert.Empty(problems.Sorted());
        return JqValue.Parse(node!.ToUtf8Json());
    }

    [GeneratedRegex("^after (?<after>\\S+) the event$")]
    private static partial Regex EventStep();

    [GeneratedRegex("^the secret '(?<name>[^']+)' is$")]
    private static partial Regex SecretStep();

    [GeneratedRegex("^the workflow output should have properties (?<list>'.*')$")]
    private static partial Regex PropertiesStep();

    [GeneratedRegex("^the workflow output should have a '(?<path>[^']+)' property with value$")]
    private static partial Regex ValueStep();

    [GeneratedRegex("^the workflow output should have a '(?<path>[^']+)' property containing (?<count>\\d+) items$")]
    private static partial Regex CountStep();

    [GeneratedRegex("^(?<task>\\S+) should (run )?(?<place>first|last|not run|after)( (?<other>\\S+))?$")]
    private static partial Regex OrderStep();

    [GeneratedRegex("'(?<text>[^']+)'")]
    private static partial Regex Quoted();
}
