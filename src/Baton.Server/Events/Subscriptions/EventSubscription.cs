using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Events.Subscriptions;

/// <summary>An address that events are sent to.</summary>
internal sealed class EventSubscription
{
    public Guid Id { get; init; } = Guid.CreateVersion7();

    public required string Url { get; set; }

    /// <summary>Types of events, see <see cref="EventPattern"/>.</summary>
    public required string Pattern { get; set; }

    /// <summary>Reference to what requests are signed with.</summary>
    public required string Secret { get; set; }

    public bool IsEnabled { get; set; } = true;

    /// <summary>Why it was switched off, where it was not a person.</summary>
    public string? DisabledBecause { get; set; }

    /// <summary>Attempts after which an event becomes a dead letter.</summary>
    public required int MaxAttempts { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Its consumer of the log.</summary>
    public string Consumer => $"subscription-{Id:N}";

    internal sealed class Configuration : IEntityTypeConfiguration<EventSubscription>
    {
        public void Configure(EntityTypeBuilder<EventSubscription> builder)
        {
            builder.ToTable("event_subscriptions");
            builder.HasKey(subscription => subscription.Id);
            builder.Property(subscription => subscription.Url).HasMaxLength(2000);
            builder.Property(subscription => subscription.Pattern).HasMaxLength(CloudEventRules.MaxLength);
            builder.Property(subscription => subscription.Secret).HasMaxLength(500);
            builder.Property(subscription => subscription.DisabledBecause).HasMaxLength(500);
            builder.Ignore(subscription => subscription.Consumer);
        }
    }
}
