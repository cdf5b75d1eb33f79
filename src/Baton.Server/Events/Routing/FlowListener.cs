using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Events.Routing;

/// <summary>One filter of a run that listens: a row of the index by which events find runs.</summary>
internal sealed class FlowListener
{
    /// <summary>In <see cref="Type"/> where any type may fit.</summary>
    public const string AnyType = "";

    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>Workflow id.</summary>
    public required string RunId { get; init; }

    /// <summary>The type that an event must have; <see cref="AnyType"/> where the filter names none, or a pattern.</summary>
    public required string Type { get; init; }

    /// <summary>The attributes that an event must have, as JSON.</summary>
    public required string Filter { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<FlowListener>
    {
        public void Configure(EntityTypeBuilder<FlowListener> builder)
        {
            builder.ToTable("flow_listeners");
            builder.HasKey(listener => listener.Id);
            builder.Property(listener => listener.RunId).HasMaxLength(1000);
            builder.Property(listener => listener.Type).HasMaxLength(CloudEventRules.MaxLength);
            builder.HasIndex(listener => listener.Type);
            builder.HasIndex(listener => listener.RunId);
        }
    }
}
