using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Processes;

/// <summary>GET /processes, POST /processes/NAME/restart.</summary>
internal static partial class ProcessEndpoints
{
    public static void MapProcesses(this IEndpointRouteBuilder api)
    {
        api.MapGet("/processes", (ProcessSet set) => set.Processes.Select(process => process.Status))
            .WithTags("Processes").Describe("listProcesses", "List the processes that the server supervises.").RequirePermission(Permissions.ProcessesRead);
        api.MapPost("/processes/{name}/restart", RestartAsync).WithTags("Processes")
            .Describe("restartProcess", "Restart a process.", "Answers once the new one has been started.").RequirePermission(Permissions.ProcessesControl)
            .Audited("process.restart", "process/{name}");
    }

    private static async Task<ProcessStatus> RestartAsync(string name, ProcessSet set, ILoggerFactory loggers, CancellationToken aborted)
    {
        var process = set.Processes.FirstOrDefault(process => process.Definition.Name == name)
            ?? throw new BatonException(ErrorCodes.NotFound, $"the project has no process {name}", null, "`baton process list` lists them");
        LogRestartRequested(loggers.CreateLogger("Baton.Server.Processes"), name);
        try
        {
            await process.RestartAsync(aborted);
            return process.Status;
        }
        catch (InvalidOperationException exception)
        {
            throw new BatonException(ErrorCodes.Refused, $"process {name} could not be started", exception.Message, "what `baton up` prints says why", exception);
        }
    }

    [LoggerMessage(EventIds.RestartRequested, LogLevel.Information, "Restart of {Name} requested")]
    private static partial void LogRestartRequested(ILogger log, string name);
}
