using Baton.Jq;
using Baton.Server.Data;
using Baton.Server.Flows;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Tasks;

internal enum TaskKind { Approval, Task }

internal enum TaskPriority { Low, Normal, High, Urgent }

internal enum TaskState { Open, Completed, Expired, Cancelled }

internal enum TaskVote { Approve, Reject, Complete }

/// <summary>
/// Something that people are asked: to approve, or to do. What changes it is in <see cref="TaskStep"/>, which is pure;
/// <see cref="TaskStore"/> makes each change one transaction, guarded by <see cref="Version"/>.
/// Names of people and roles are kept in lower case, as they are compared without regard to it.
/// </summary>
internal sealed class HumanTask
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    public TaskKind Kind { get; init; }

    /// <summary>Whoever asks twice with the same key means the same task.</summary>
    public required string CallKey { get; init; }

    public required string Title { get; init; }

    /// <summary>Markdown.</summary>
    public string? Description { get; init; }

    public JqValue Data { get; init; }

    /// <summary>JSON Schema of what is to be filled in; null where nothing is.</summary>
    public JqValue Form { get; init; }

    public IReadOnlyList<TaskAttachment> Attachments { get; init; } = [];

    public TaskPriority Priority { get; init; }

    /// <summary>Who asked for the run, or, without one, for the task.</summary>
    public string? Requester { get; init; }

    /// <summary>Workflow id of the run that asks, and that is signalled.</summary>
    public string? Run { get; init; }

    /// <summary>Signal that brings the answer to <see cref="Run"/>.</summary>
    public string? Signal { get; init; }

    /// <summary>W3C context of whoever asked, so that the wait is a span of their trace.</summary>
    public string? TraceParent { get; set; }

    /// <summary>NAMESPACE/NAME:VERSION and pointer of the task of a flow.</summary>
    public string? Flow { get; init; }

    public string? FlowTask { get; init; }

    /// <summary>NAMESPACE/NAME.</summary>
    public string? FlowName => Flow is null ? null : FlowNames.WithoutVersion(Flow);

    /// <summary>Approvals that are needed...</summary>
    public int Quorum { get; init; } = 1;

    /// <summary>...of this many people.</summary>
    public int Of { get; init; } = 1;

    public bool FourEyes { get; init; }

    /// <summary>Everybody has a veto.</summary>
    public bool AnyVeto { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? DueAt { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public string? Assignee { get; set; }

    /// <summary>What is to happen by itself, the next first.</summary>
    public IReadOnlyList<TaskTimer> Timers { get; set; } = [];

    /// <summary>When the first of <see cref="Timers"/> is due.</summary>
    public DateTimeOffset? NextTimerAt { get; set; }

    public TaskState State { get; set; }

    /// <summary>approved, rejected, completed, cancelled, expired, or what was said for the expiry; null while it is open.</summary>
    public string? Outcome { get; set; }

    /// <summary>The answer as the run gets it.</summary>
    public JqValue Result { get; set; }

    public DateTimeOffset? ClosedAt { get; set; }

    /// <summary>Counts the changes; two at once cannot both succeed.</summary>
    public int Version { get; set; }

    public List<TaskCandidate> Candidates { get; init; } = [];

    public List<TaskDecision> Decisions { get; init; } = [];
}

internal sealed record TaskAttachment(string Name, string Url);

internal enum TaskTimerKind { Remind, Escalate, Expire }

/// <param name="Outcome">Of an expiry.</param>
internal sealed record TaskTimer(DateTimeOffset At, TaskTimerKind Kind, TaskPeople? To = null, string? Outcome = null);

internal sealed record TaskPeople(IReadOnlyList<string> Users, IReadOnlyList<string> Roles)
{
    public static TaskPeople None { get; } = new([], []);
}

/// <summary>Who may decide: a person, or whoever has a role.</summary>
internal sealed class TaskCandidate
{
    public Guid TaskId { get; init; }

    public bool IsRole { get; init; }

    public required string Name { get; init; }

    /// <summary>One rejection of theirs rejects.</summary>
    public bool HasVeto { get; init; }

    /// <summary>The person in whose place this one decides, and who may no longer.</summary>
    public string? InPlaceOf { get; init; }
}

internal sealed class TaskDecision
{
    public Guid TaskId { get; init; }

    /// <summary>A person decides once.</summary>
    public required string By { get; init; }

    public TaskVote Vote { get; init; }

    public bool IsVeto { get; init; }

    public DateTimeOffset At { get; init; }

    public string? Comment { get; init; }

    public JqValue Data { get; init; }
}

/// <summary>What happened to a task, by whom.</summary>
internal sealed class TaskEntry
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    public Guid TaskId { get; init; }

    public DateTimeOffset At { get; init; }

    /// <summary>Null for what happened by itself.</summary>
    public string? By { get; init; }

    /// <summary>created, approve, reject, complete, claimed, released, delegated, commented, reminded, escalated, expired, cancelled, linked or answered.</summary>
    public required string Kind { get; init; }

    public string? Text { get; init; }
}

/// <summary>A link that decides once in the name of a person, see <see cref="TaskLinks"/>.</summary>
internal sealed class TaskLink
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    public Guid TaskId { get; init; }

    public required string User { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; set; }
}

/// <summary>
/// Something to tell the world, written in the transaction of the change that it tells of, and removed once it was told:
/// at least once, so what hears it must know doubles (by the token, by the event's id).
/// </summary>
internal sealed class TaskMessage
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    public Guid TaskId { get; init; }

    /// <summary>Workflow and signal; null for an event.</summary>
    public string? Run { get; init; }

    public string? Signal { get; init; }

    public JqValue Payload { get; init; }

    /// <summary>W3C context of the change that it tells of.</summary>
    public string? TraceParent { get; set; }

    /// <summary>When it may be tried; moved on by whoever tries it, so that others leave it alone meanwhile.</summary>
    public DateTimeOffset DueAt { get; set; }

    public int Attempts { get; set; }

    public string? Error { get; set; }
}

internal sealed class TaskMapping :
    IEntityTypeConfiguration<HumanTask>, IEntityTypeConfiguration<TaskCandidate>, IEntityTypeConfiguration<TaskDecision>,
    IEntityTypeConfiguration<TaskEntry>, IEntityTypeConfiguration<TaskLink>, IEntityTypeConfiguration<TaskMessage>
{
    private const int NameLength = 200;

    public void Configure(EntityTypeBuilder<HumanTask> builder)
    {
        builder.ToTable("Tasks");
        builder.Property(task => task.Kind).HasConversion<string>().HasMaxLength(20);
        builder.Property(task => task.Priority).HasConversion<int>();
        builder.Property(task => task.State).HasConversion<string>().HasMaxLength(20);
        builder.Property(task => task.CallKey).HasMaxLength(300);
        builder.Property(task => task.Title).HasMaxLength(200);
        builder.Property(task => task.Requester).HasMaxLength(NameLength);
        builder.Property(task => task.Assignee).HasMaxLength(NameLength);
        builder.Property(task => task.TraceParent).HasMaxLength(55);
        builder.Property(task => task.Run).HasMaxLength(1000);
        builder.Property(task => task.Outcome).HasMaxLength(50);
        builder.Property(task => task.Data).HasConversion(JsonColumns.Value, JsonColumns.ValueComparer);
        builder.Property(task => task.Form).HasConversion(JsonColumns.Value, JsonColumns.ValueComparer);
        builder.Property(task => task.Result).HasConversion(JsonColumns.Value, JsonColumns.ValueComparer);
        builder.Property(task => task.Attachments).HasConversion(JsonColumns.List<TaskAttachment>(), JsonColumns.ListComparer<TaskAttachment>());
        builder.Property(task => task.Timers).HasConversion(JsonColumns.List<TaskTimer>(), JsonColumns.ListComparer<TaskTimer>());
        builder.Property(task => task.Version).IsConcurrencyToken();
        builder.HasMany(task => task.Candidates).WithOne().HasForeignKey(candidate => candidate.TaskId);
        builder.HasMany(task => task.Decisions).WithOne().HasForeignKey(decision => decision.TaskId);
        builder.HasIndex(task => task.CallKey).IsUnique();
        builder.HasIndex(task => task.NextTimerAt);
        builder.HasIndex(task => new { task.State, task.ClosedAt });
        builder.HasIndex(task => task.Assignee);
        builder.HasIndex(task => task.Run);
    }

    public void Configure(EntityTypeBuilder<TaskCandidate> builder)
    {
        builder.ToTable("TaskCandidates").HasKey(candidate => new { candidate.TaskId, candidate.IsRole, candidate.Name });
        builder.Property(candidate => candidate.Name).HasMaxLength(NameLength);
        builder.Property(candidate => candidate.InPlaceOf).HasMaxLength(NameLength);
        builder.HasIndex(candidate => candidate.Name);
    }

    public void Configure(EntityTypeBuilder<TaskDecision> builder)
    {
        builder.ToTable("TaskDecisions").HasKey(decision => new { decision.TaskId, decision.By });
        builder.Property(decision => decision.By).HasMaxLength(NameLength);
        builder.Property(decision => decision.Vote).HasConversion<string>().HasMaxLength(20);
        builder.Property(decision => decision.Data).HasConversion(JsonColumns.Value, JsonColumns.ValueComparer);
    }

    public void Configure(EntityTypeBuilder<TaskEntry> builder)
    {
        builder.ToTable("TaskEntries").HasIndex(entry => entry.TaskId);
        builder.Property(entry => entry.By).HasMaxLength(NameLength);
        builder.Property(entry => entry.Kind).HasMaxLength(20);
        builder.HasOne<HumanTask>().WithMany().HasForeignKey(entry => entry.TaskId);
    }

    public void Configure(EntityTypeBuilder<TaskLink> builder)
    {
        builder.ToTable("TaskLinks").Property(link => link.User).HasMaxLength(NameLength);
        builder.Property(link => link.UsedAt).IsConcurrencyToken();
        builder.HasOne<HumanTask>().WithMany().HasForeignKey(link => link.TaskId);
    }

    public void Configure(EntityTypeBuilder<TaskMessage> builder)
    {
        builder.ToTable("TaskMessages").HasIndex(message => message.DueAt);
        builder.Property(message => message.TraceParent).HasMaxLength(55);
        builder.Property(message => message.Run).HasMaxLength(1000);
        builder.Property(message => message.Payload).HasConversion(JsonColumns.Value, JsonColumns.ValueComparer);
        builder.HasOne<HumanTask>().WithMany().HasForeignKey(message => message.TaskId);
    }
}
