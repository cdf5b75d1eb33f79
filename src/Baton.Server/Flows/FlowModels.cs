using System.Text.Json.Nodes;
using Baton.Flows.Validate;

namespace Baton.Server.Flows;

/// <summary>A flow in a list.</summary>
/// <param name="Version">Version of the revision in force.</param>
/// <param name="Revision">From 1, one more for each change.</param>
internal sealed record FlowSummary(string Namespace, string Name, string Version, int Revision, string? Title, bool HasSchedule, string Hash, DateTimeOffset UpdatedAt, string UpdatedBy);

/// <summary>A flow, or one of its revisions.</summary>
/// <param name="Definition">What runs, as JSON.</param>
/// <param name="Text">What was written, YAML or JSON.</param>
internal sealed record FlowDetail(
    string Namespace, string Name, string Version, int Revision, string? Title, bool HasSchedule, string Hash, DateTimeOffset UpdatedAt, string UpdatedBy, JsonNode Definition, string Text)
{
    public static FlowDetail Of(FlowRevision revision) => new(
        revision.Namespace, revision.Name, revision.Version, revision.Number, revision.Title, revision.HasSchedule, revision.Hash, revision.CreatedAt, revision.CreatedBy,
        JsonNode.Parse(revision.Json, documentOptions: new() { MaxDepth = 1000 })!, revision.Text);
}

/// <summary>One revision in the list of a flow's.</summary>
internal sealed record FlowVersionSummary(int Revision, string Version, string Hash, DateTimeOffset CreatedAt, string CreatedBy);

internal enum FlowChange
{
    Created,
    Changed,
    Unchanged,
    Deleted,
}

/// <summary>What an apply did, or with a dry run would do.</summary>
/// <param name="Differences">What the new revision changes in the one before.</param>
/// <param name="Warnings">What is not wrong, and still worth a look.</param>
internal sealed record FlowApplied(
    string Namespace, string Name, string Version, int Revision, FlowChange Change, string Hash, IReadOnlyList<FlowDifference> Differences, IReadOnlyList<FlowProblem> Warnings);

/// <summary>One place where two definitions differ.</summary>
/// <param name="Pointer">JSON pointer.</param>
/// <param name="Before">Null where there was nothing.</param>
/// <param name="After">Null where there is nothing any more.</param>
internal sealed record FlowDifference(string Pointer, JsonNode? Before, JsonNode? After);

/// <summary>A problem of a document; lines and columns count from 1.</summary>
internal sealed record FlowProblem(string Code, string Severity, int Line, int Column, string Pointer, string Cause, string Remedy)
{
    public static IReadOnlyList<FlowProblem> Of(IEnumerable<FlowDiagnostic> problems) =>
        [.. problems.Select(problem => new FlowProblem(
            problem.Code, problem.Severity == FlowSeverity.Error ? "error" : "warning", problem.Line, problem.Column, problem.Pointer, problem.Cause, problem.Remedy))];
}

/// <summary>What `validate` answers.</summary>
internal sealed record FlowReport(bool Valid, string? Namespace, string? Name, string? Version, IReadOnlyList<FlowProblem> Problems);

internal static class FlowNames
{
    /// <summary>NAMESPACE/NAME of NAMESPACE/NAME:VERSION.</summary>
    public static string WithoutVersion(string flow) => flow.LastIndexOf(':') is > 0 and var colon ? flow[..colon] : flow;
}
