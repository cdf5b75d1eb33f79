using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Events.Webhooks;

internal enum WebhookKind
{
    Github,
    Gitlab,

    /// <summary>Forgejo too.</summary>
    Gitea,
    Sourcehut,
    Alertmanager,

    /// <summary>Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature.</summary>
    Standard,

    /// <summary>HMAC-SHA256 of the body in a header, in hexadecimal, with or without `sha256=` before it.</summary>
    Hmac,
}

/// <summary>A place that webhooks may be sent to: POST /webhooks/NAME.</summary>
internal sealed class WebhookSource
{
    public required string Name { get; init; }

    public required WebhookKind Kind { get; set; }

    /// <summary>Reference to what signatures are checked with; of SourceHut, the instance's public key in base64.</summary>
    public required string Secret { get; set; }

    /// <summary>Source of its events, in place of what the sender says of itself.</summary>
    public string? Source { get; set; }

    /// <summary>Header of the signature, for <see cref="WebhookKind.Hmac"/>.</summary>
    public string? SignatureHeader { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<WebhookSource>
    {
        public void Configure(EntityTypeBuilder<WebhookSource> builder)
        {
            builder.ToTable("webhook_sources");
            builder.HasKey(source => source.Name);
            builder.Property(source => source.Name).HasMaxLength(64);
            builder.Property(source => source.Kind).HasConversion<string>().HasMaxLength(20);
            builder.Property(source => source.Secret).HasMaxLength(500);
            builder.Property(source => source.Source).HasMaxLength(CloudEventRules.MaxLength);
            builder.Property(source => source.SignatureHeader).HasMaxLength(100);
        }
    }
}
