using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Flows.Durable;
using Baton.Server.Errors;

namespace Baton.Server.Runs;

/// <summary>Which runs a list is of, and as what query of durable execution.</summary>
/// <param name="Flow">NAMESPACE/NAME, or NAMESPACE/* for all of a namespace.</param>
/// <param name="Type">Workflow type, for workflows in code.</param>
/// <param name="Status">One of <see cref="RunStatus"/>; running includes waiting and suspended, which the list does not tell apart.</param>
/// <param name="Text">Beginning of the run's id, of the flow's name, or of the workflow type.</param>
internal sealed partial record RunFilter(string? Flow, string? Version, string? Type, string? Status, DateTimeOffset? Since, DateTimeOffset? Until, string? Text)
{
    /// <summary>Flows whose runs the caller may see, as grants name them; null for any.</summary>
    public IReadOnlyList<string>? Allowed { get; init; }

    /// <summary>Started or ended at or after.</summary>
    public DateTimeOffset? ChangedSince { get; init; }

    /// <exception cref="BatonException">Something in it is not well-formed.</exception>
    public string ToQuery()
    {
        // Parts of one run that continued as new are one run to those who look; what keeps schedules is no run of anybody's.
        var terms = new List<string> { "ExecutionStatus != 'ContinuedAsNew'" };
        if (Type is null)
        {
            terms.Add($"WorkflowType != '{FlowScheduleWorkflow.Name}'");
        }
        else
        {
            terms.Add($"WorkflowType = {Quote(Type)}");
        }
        if (Flow is not null)
        {
            if (!FlowName().IsMatch(Flow))
            {
                throw Invalid("flow", Flow, "NAMESPACE/NAME or NAMESPACE/*");
            }
            terms.Add(OfFlow(Flow));
        }
        if (Allowed is not null)
        {
            terms.Add(Allowed.Count == 0 ? $"{FlowAttributes.Flow.Name} = ''" : $"({string.Join(" OR ", Allowed.Select(OfFlow))})");
        }
        if (Version is not null)
        {
            terms.Add($"{FlowAttributes.Version.Name} = {Quote(Version)}");
        }
        if (Status is not null)
        {
            terms.Add($"ExecutionStatus = '{StatusName(Status)}'");
        }
        if (Since is { } since)
        {
            terms.Add($"StartTime >= '{Time(since)}'");
        }
        if (Until is { } until)
        {
            terms.Add($"StartTime < '{Time(until)}'");
        }
        if (ChangedSince is { } changed)
        {
            terms.Add($"(StartTime >= '{Time(changed)}' OR CloseTime >= '{Time(changed)}')");
        }
        if (Text is not null)
        {
            var text = Quote(Text);
            terms.Add($"(WorkflowId STARTS_WITH {text} OR WorkflowType STARTS_WITH {text} OR {FlowAttributes.Flow.Name} STARTS_WITH {text})");
        }
        return string.Join(" AND ", terms);
    }

    private static string OfFlow(string flow) =>
        flow.EndsWith('*') ? $"{FlowAttributes.Flow.Name} STARTS_WITH {Quote(flow[..^1])}" : $"{FlowAttributes.Flow.Name} = {Quote(flow)}";

    private static string StatusName(string status) => Enum.TryParse<RunStatus>(status, ignoreCase: true, out var known) && !int.TryParse(status, out _)
        ? known switch
        {
            RunStatus.Running or RunStatus.Waiting or RunStatus.Suspended => "Running",
            RunStatus.Faulted => "Failed",
            RunStatus.Cancelled => "Canceled",
            _ => known.ToString(),
        }
        : throw Invalid("status", status, "one of running, completed, faulted, cancelled, terminated, timedOut");

    private static string Quote(string text)
    {
        if (text.Length is 0 or > 1000 || text.Any(char.IsControl))
        {
            throw Invalid("filter", text.Length > 50 ? text[..50] : text, "1 to 1,000 characters, none of them a control character");
        }
        return Literal(text);
    }

    /// <summary>A text as a query of durable execution writes it.</summary>
    public static string Literal(string text) =>
        $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static BatonException Invalid(string name, string value, string form) =>
        new(ErrorCodes.InvalidInput, $"{name} must be {form}, not '{value}'", null, "correct the query of the request");

    [GeneratedRegex(@"^[A-Za-z0-9-]{1,63}/([A-Za-z0-9-]{1,63}|\*)$")]
    private static partial Regex FlowName();
}
