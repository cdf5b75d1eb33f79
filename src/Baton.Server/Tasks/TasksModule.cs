using Baton.Flows.Hosting;
using Baton.Server.Data.Retention;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tasks;

/// <summary>What people are asked: tasks and approvals.</summary>
internal static class TasksModule
{
    public static void AddTasks(this IServiceCollection services)
    {
        services.AddSingleton<TaskPulse>();
        services.AddSingleton<TaskStore>();
        services.AddSingleton<TaskLinks>();
        services.AddSingleton<TaskRequesters>();
        services.AddSingleton<TaskActivities>();
        services.AddSingleton<IFlowInbox, TaskInbox>();
        services.AddSingleton<IRetainedKind, TaskRetention>();
        services.AddHostedService<TaskMessenger>();
        services.AddHostedService<TaskClock>();
        services.AddHostedService<TaskOrphans>();
        services.AddHostedService<TaskWorker>();
    }
}
