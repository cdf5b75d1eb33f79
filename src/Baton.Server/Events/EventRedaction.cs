using Baton.Server.Secrets;

namespace Baton.Server.Events;

/// <summary>Takes the values of secrets out of events; one that holds none is the same object.</summary>
internal static class EventRedaction
{
    public static CloudEvent Redact(this Redactor redactor, CloudEvent cloudEvent) => redactor.Clean(cloudEvent.Json, base64: "data_base64") is { } cleaned
        ? CloudEvent.Create(cleaned, new(redactor.Redact(cloudEvent.Id), redactor.Redact(cloudEvent.Source), redactor.Redact(cloudEvent.Type), redactor.Redact(cloudEvent.Subject)))
        : cloudEvent;
}
