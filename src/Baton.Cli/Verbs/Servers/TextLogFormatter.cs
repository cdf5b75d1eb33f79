using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Baton.Cli.Verbs.Servers;

/// <summary>One line for each message: time, level, category, message, and the trace that it belongs to. Exceptions follow on lines of their own.</summary>
internal sealed class TextLogFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "baton";

    private readonly bool colours = !System.Console.IsErrorRedirected;

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var (word, colour) = logEntry.LogLevel switch
        {
            LogLevel.Trace => ("trce", "90"),
            LogLevel.Debug => ("dbug", "90"),
            LogLevel.Information => ("info", "32"),
            LogLevel.Warning => ("warn", "33"),
            LogLevel.Error => ("fail", "31"),
            _ => ("crit", "31;1"),
        };
        textWriter.Write(TimeProvider.System.GetUtcNow().ToString("HH:mm:ss.fff ", CultureInfo.InvariantCulture));
        textWriter.Write(colours ? $"\e[{colour}m{word}\e[0m" : word);
        textWriter.Write($": {logEntry.Category}[{logEntry.EventId.Id}] {logEntry.Formatter(logEntry.State, logEntry.Exception).ReplaceLineEndings(" ")}");
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } current)
        {
            textWriter.Write($" trace={current.TraceId}");
        }
        textWriter.WriteLine();
        if (logEntry.Exception is { } exception)
        {
            textWriter.WriteLine(exception);
        }
    }
}
