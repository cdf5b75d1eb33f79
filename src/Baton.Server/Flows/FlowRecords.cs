using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Flows;

/// <summary>
/// A flow by its name: which revision is in force, and whose schedule runs. A deleted flow keeps its record and its
/// revisions, so that what ran can still be read; applied again, it goes on with the next revision.
/// </summary>
internal sealed class FlowRecord
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    public int Revision { get; set; }

    public DateTimeOffset? DeletedAt { get; set; }

    public string? DeletedBy { get; set; }

    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>The revision whose schedule was last seen to; behind <see cref="Revision"/> there is work for <see cref="FlowScheduler"/>.</summary>
    public int ScheduledRevision { get; set; }

    /// <summary>False once the schedule of a deleted flow has been stopped.</summary>
    public bool IsScheduleCurrent { get; set; }

    /// <summary>Until when one process has taken it upon itself to see to the schedule.</summary>
    public DateTimeOffset? ScheduleLease { get; set; }
}

/// <summary>One revision of a flow, numbered from 1. Never changed but for the layout of its text.</summary>
internal sealed class FlowRevision
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    public int Number { get; init; }

    /// <summary>As the document gives it; several revisions may have the same.</summary>
    public required string Version { get; init; }

    /// <summary>Of <see cref="Json"/>.</summary>
    public required string Hash { get; init; }

    /// <summary>What runs: the definition as compact JSON.</summary>
    public required string Json { get; init; }

    /// <summary>What was written: YAML or JSON, with comments.</summary>
    public required string Text { get; set; }

    public string? Title { get; init; }

    public bool HasSchedule { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public required string CreatedBy { get; init; }
}

internal sealed class FlowRecordConfiguration : IEntityTypeConfiguration<FlowRecord>
{
    public void Configure(EntityTypeBuilder<FlowRecord> builder)
    {
        builder.ToTable("flows");
        builder.HasKey(flow => new { flow.Namespace, flow.Name });
        builder.Property(flow => flow.Namespace).HasMaxLength(63);
        builder.Property(flow => flow.Name).HasMaxLength(63);
        builder.Property(flow => flow.DeletedBy).HasMaxLength(200);
        builder.HasIndex(flow => flow.IsScheduleCurrent);
    }
}

internal sealed class FlowRevisionConfiguration : IEntityTypeConfiguration<FlowRevision>
{
    public void Configure(EntityTypeBuilder<FlowRevision> builder)
    {
        builder.ToTable("flow_revisions");
        builder.HasKey(revision => new { revision.Namespace, revision.Name, revision.Number });
        builder.Property(revision => revision.Namespace).HasMaxLength(63);
        builder.Property(revision => revision.Name).HasMaxLength(63);
        builder.Property(revision => revision.Version).HasMaxLength(200);
        builder.Property(revision => revision.Hash).HasMaxLength(64);
        builder.Property(revision => revision.CreatedBy).HasMaxLength(200);
        builder.HasIndex(revision => new { revision.Namespace, revision.Name, revision.Version });
    }
}
