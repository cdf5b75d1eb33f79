namespace Baton.Server.Settings;

public sealed class EventSettings : ICheckedSettings
{
    [Setting("NATS servers with JetStream that keep the log of events, nats://HOST:PORT, several with commas; none keeps it in the data folder.", IsSecret = true)]
    public string? Nats { get; init; }

    [Setting("File with the credentials of a NATS user.")]
    public string? NatsCredentials { get; init; }

    [Setting("Stream of the log in NATS: letters, digits, - and _.")]
    public string NatsStream { get; init; } = "BATON";

    [Setting("First part of every subject in NATS: letters, digits, - and _.")]
    public string NatsPrefix { get; init; } = "baton";

    [Setting("Copies of the log in a cluster of NATS servers, 1 to 5.")]
    public int NatsReplicas { get; init; } = 1;

    [Setting("How long an event is known by its source and id, 1 s to 1 d.")]
    public TimeSpan DeduplicationWindow { get; init; } = TimeSpan.FromMinutes(10);

    [Setting("Age from which events go that every consumer has settled, 1 m to 3650 d.")]
    public TimeSpan RetainFor { get; init; } = TimeSpan.FromDays(7);

    [Setting("Bytes of events above which the oldest go that every consumer has settled.")]
    public long RetainBytes { get; init; } = 1L << 30;

    [Setting("Bytes of events above which further ones are refused.")]
    public long MaxBytes { get; init; } = 4L << 30;

    [Setting("Age from which dead letters go, 1 h to 3650 d.")]
    public TimeSpan RetainDeadLettersFor { get; init; } = TimeSpan.FromDays(30);

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (!IsToken(NatsStream))
        {
            yield return (nameof(NatsStream), "must be letters, digits, - and _");
        }
        if (!IsToken(NatsPrefix))
        {
            yield return (nameof(NatsPrefix), "must be letters, digits, - and _");
        }
        if (NatsReplicas is < 1 or > 5)
        {
            yield return (nameof(NatsReplicas), "must be 1 to 5");
        }
        if (DeduplicationWindow < TimeSpan.FromSeconds(1) || DeduplicationWindow > TimeSpan.FromDays(1))
        {
            yield return (nameof(DeduplicationWindow), "must be 1s to 1d");
        }
        if (RetainFor < TimeSpan.FromMinutes(1) || RetainFor > TimeSpan.FromDays(3650))
        {
            yield return (nameof(RetainFor), "must be 1m to 3650d");
        }
        if (RetainDeadLettersFor < TimeSpan.FromHours(1) || RetainDeadLettersFor > TimeSpan.FromDays(3650))
        {
            yield return (nameof(RetainDeadLettersFor), "must be 1h to 3650d");
        }
        if (RetainBytes < 1 << 20)
        {
            yield return (nameof(RetainBytes), "must be at least 1048576");
        }
        if (MaxBytes < RetainBytes)
        {
            yield return (nameof(MaxBytes), $"must not be less than {nameof(RetainBytes)}");
        }
    }

    private static bool IsToken(string text) => text.Length > 0 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');
}
