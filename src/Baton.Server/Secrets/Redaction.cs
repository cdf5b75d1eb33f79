using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using Temporalio.Api.Failure.V1;
using Temporalio.Converters;

namespace Baton.Server.Secrets;

/// <summary>Loggers that write no secret: neither in messages and their values, nor in exceptions.</summary>
internal sealed class RedactingLoggers(ILoggerFactory inner, Redactor redactor) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new RedactingLogger(inner.CreateLogger(categoryName), redactor);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    /// <summary>The loggers belong to who made them.</summary>
    public void Dispose()
    {
    }

    private sealed class RedactingLogger(ILogger inner, Redactor redactor) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => redactor.Finds(state.ToString()) ? inner.BeginScope(redactor.Redact(state.ToString()!)) : inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!inner.IsEnabled(logLevel))
            {
                return;
            }
            var message = formatter(state, exception);
            var values = state as IReadOnlyList<KeyValuePair<string, object?>>;
            if (!redactor.Finds(message) && !redactor.Finds(exception?.ToString()) && values?.Any(value => redactor.Finds(value.Value?.ToString())) is not true)
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
                return;
            }
            IReadOnlyList<KeyValuePair<string, object?>> cleaned = [.. (values ?? []).Select(value => KeyValuePair.Create(value.Key, (object?)redactor.Redact(value.Value?.ToString())))];
            inner.Log(logLevel, eventId, cleaned, exception is null ? null : new RedactedException(redactor.Redact(exception.ToString())), (_, _) => redactor.Redact(message));
        }
    }

    /// <summary>Stands for an exception that told a secret.</summary>
    private sealed class RedactedException(string text) : Exception(text)
    {
        public override string ToString() => Message;
    }
}

/// <summary>Cleans spans before they are stored or sent.</summary>
internal sealed class RedactingSpans(Redactor redactor) : BaseProcessor<Activity>
{
    private static readonly FieldInfo? Events = typeof(Activity).GetField("_events", BindingFlags.Instance | BindingFlags.NonPublic);

    public override void OnEnd(Activity data)
    {
        foreach (var tag in data.TagObjects.Where(Finds).ToList())
        {
            data.SetTag(tag.Key, Clean(tag).Value);
        }
        data.DisplayName = redactor.Redact(data.DisplayName);
        if (redactor.Finds(data.StatusDescription))
        {
            data.SetStatus(data.Status, redactor.Redact(data.StatusDescription));
        }
        if (data.Events.Any(happened => redactor.Finds(happened.Name) || happened.Tags.Any(Finds)))
        {
            Rewrite(data);
        }
    }

    /// <summary>Events of a span can only be added; so all are taken away first, for which there is no public way.</summary>
    private void Rewrite(Activity span)
    {
        var events = span.Events.ToList();
        if (Events is null)
        {
            // Of a runtime that keeps them elsewhere: rather no span than a secret.
            span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            return;
        }
        Events.SetValue(span, null);
        foreach (var happened in events)
        {
            span.AddEvent(new(redactor.Redact(happened.Name), happened.Timestamp, [.. happened.Tags.Select(Clean)]));
        }
    }

    private bool Finds(KeyValuePair<string, object?> tag) => tag.Value is string[] texts ? texts.Any(redactor.Finds) : redactor.Finds(tag.Value as string);

    private KeyValuePair<string, object?> Clean(KeyValuePair<string, object?> tag) => new(tag.Key, tag.Value switch
    {
        string text => redactor.Redact(text),
        string[] texts => texts.Select(redactor.Redact).ToArray(),
        _ => tag.Value,
    });
}

/// <summary>Cleans every text of the API's answers.</summary>
internal sealed class RedactingJson(Redactor redactor) : JsonConverter<string>
{
    public override bool HandleNull => false;

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(redactor.Redact(value));

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString()!;

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(redactor.Redact(value));
}

/// <summary>Cleans what the failures of activities and workflows tell, before it goes to a history.</summary>
internal sealed class RedactingFailures(Redactor redactor) : DefaultFailureConverter
{
    public override Failure ToFailure(Exception exception, IPayloadConverter payloadConverter)
    {
        var failure = base.ToFailure(exception, payloadConverter);
        for (var each = failure; each is not null; each = each.Cause)
        {
            each.Message = redactor.Redact(each.Message);
            each.StackTrace = redactor.Redact(each.StackTrace);
        }
        return failure;
    }
}
