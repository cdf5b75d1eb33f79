namespace Baton.Server.Events.Log.Nats;

/// <summary>
/// Names in the NATS server: the streams STREAM with the subjects PREFIX.events.LANE.TYPE, STREAM_DEAD with PREFIX.dead.CONSUMER, and
/// STREAM_REQUEUE with PREFIX.requeue.CONSUMER; the consumers NAME-LANE of the first, NAME-requeue of the last.
/// </summary>
internal sealed record NatsNames(string Stream, string Prefix)
{
    /// <summary>
    /// Events that must stay in order share a lane, which is their key modulo this number; a lane has one unsettled event at a time, and
    /// the server itself holds back the others. Fixed: with another number, order would be lost for events that are already stored.
    /// </summary>
    public const int Lanes = 16;

    public const string Requeue = "requeue";

    public string DeadStream => $"{Stream}_DEAD";

    public string RequeueStream => $"{Stream}_REQUEUE";

    public string AllEvents => $"{Prefix}.events.>";

    public string AllDead => $"{Prefix}.dead.>";

    public string AllRequeued => $"{Prefix}.{Requeue}.>";

    public string Event(CloudEvent cloudEvent) => $"{Prefix}.events.{(ulong)cloudEvent.Key % Lanes}.{EventPattern.ToSubject(cloudEvent.Type, isPattern: false)}";

    public string Filter(int lane, string pattern) => $"{Prefix}.events.{lane}.{EventPattern.ToSubject(pattern, isPattern: true)}";

    public string Dead(string consumer) => $"{Prefix}.dead.{consumer}";

    public string Requeued(string consumer) => $"{Prefix}.{Requeue}.{consumer}";

    public static string LaneConsumer(string consumer, int lane) => $"{consumer}-{lane}";

    public static string RequeueConsumer(string consumer) => $"{consumer}-{Requeue}";

    /// <summary>The consumer whose lane this is; null for a consumer of somebody else.</summary>
    public static (string Name, int Lane)? ParseLane(string consumer) =>
        consumer.LastIndexOf('-') is > 0 and var dash && int.TryParse(consumer.AsSpan(dash + 1), out var lane) && lane is >= 0 and < Lanes ? (consumer[..dash], lane) : null;
}

internal sealed record NatsLogOptions(string Url)
{
    public string Stream { get; init; } = "BATON";

    /// <summary>First tokens of every subject.</summary>
    public string Prefix { get; init; } = "baton";

    /// <summary>Copies of the streams in a cluster of NATS servers, 1 to 5.</summary>
    public int Replicas { get; init; } = 1;

    /// <summary>File with the credentials of a user (JWT and seed).</summary>
    public string? CredentialsFile { get; init; }

    /// <summary>How long a call is tried again while the server does not answer.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);
}
