using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Baton.Jq;

namespace Baton.Server.Tasks;

/// <summary>A task as the API shows it.</summary>
/// <param name="Status">open, completed, expired or cancelled.</param>
/// <param name="Outcome">approved, rejected, completed, cancelled, expired, or what was said for the expiry; null while it is open.</param>
/// <param name="Form">JSON Schema of what is to be filled in.</param>
/// <param name="Veto">Whether everybody has a veto; people and roles that have one are marked in <see cref="Candidates"/>.</param>
internal sealed record TaskView(
    Guid Id, TaskKind Kind, string Title, string? Description, TaskState Status, string? Outcome, TaskPriority Priority, string? Requester, string? Assignee,
    IReadOnlyList<TaskCandidateView> Candidates, int Quorum, int Of, bool FourEyes, bool Veto, string? Run, string? Flow, string? FlowTask,
    DateTimeOffset CreatedAt, DateTimeOffset? DueAt, DateTimeOffset? ExpiresAt, DateTimeOffset? ClosedAt,
    JsonNode? Data, JsonNode? Form, IReadOnlyList<TaskAttachment> Attachments, IReadOnlyList<TaskDecisionView> Decisions)
{
    public static TaskView From(HumanTask task) => new(
        task.Id, task.Kind, task.Title, task.Description, task.State, task.Outcome, task.Priority, task.Requester, task.Assignee,
        [.. task.Candidates.OrderBy(candidate => candidate.Name, StringComparer.Ordinal).Select(candidate => new TaskCandidateView(
            candidate.IsRole ? null : candidate.Name, candidate.IsRole ? candidate.Name : null, candidate.HasVeto || task.AnyVeto, candidate.InPlaceOf))],
        task.Quorum, task.Of, task.FourEyes, task.AnyVeto, task.Run, task.Flow, task.FlowTask,
        task.CreatedAt, task.DueAt, task.ExpiresAt, task.ClosedAt,
        task.Data.ToJsonNode(), task.Form.ToJsonNode(), task.Attachments,
        [.. task.Decisions.Select(decision => new TaskDecisionView(decision.By, decision.Vote, decision.IsVeto, decision.At, decision.Comment, decision.Data.ToJsonNode()))]);
}

/// <param name="User">Either this or <paramref name="Role"/>.</param>
internal sealed record TaskCandidateView(string? User, string? Role, bool Veto, string? InPlaceOf);

internal sealed record TaskDecisionView(string By, TaskVote Decision, bool Veto, DateTimeOffset At, string? Comment, JsonNode? Data);

/// <summary>What happened; <paramref name="By"/> is null for what happened by itself.</summary>
internal sealed record TaskEntryView(DateTimeOffset At, string? By, string Kind, string? Text);

/// <summary>A task with its history.</summary>
internal sealed record TaskDetail(TaskView Task, IReadOnlyList<TaskEntryView> History);

internal sealed record TaskPage(IReadOnlyList<TaskView> Items, int Total, int Skip, int Limit);

/// <summary>A decision; data is what was filled in.</summary>
internal sealed record TaskDecisionBody(string? Comment, JsonNode? Data)
{
    [JsonIgnore]
    public JqValue Value => JqValue.From(Data);
}

internal sealed record TaskCommentBody(string? Comment);

internal sealed record TaskDelegationBody(string? To, string? Comment);

/// <param name="User">In whose name the link decides.</param>
/// <param name="ValidFor">ISO 8601 duration, at most 30 days; default 3 days.</param>
internal sealed record TaskLinkBody(string? User, string? ValidFor);

internal sealed record TaskLinkView(string Url, DateTimeOffset ExpiresAt);
