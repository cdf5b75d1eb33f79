using Baton.Durable.Tests.Storage;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Xunit;

namespace Baton.Durable.Tests.Hosting;

public sealed class RetentionOptionTests
{
    [Fact]
    public async Task Retention_is_applied_at_each_start_and_left_as_it_is_where_none_is_given()
    {
        using var folder = new TempDirectory();
        var file = Path.Combine(folder.Path, "baton.db");

        Assert.Equal(DurableServerOptions.DefaultRetention, await StartAsync(null));
        Assert.Equal(TimeSpan.FromHours(2), await StartAsync(TimeSpan.FromHours(2)));
        Assert.Equal(TimeSpan.FromHours(2), await StartAsync(null));

        async Task<TimeSpan> StartAsync(TimeSpan? retention)
        {
            await using var server = await DurableServer.StartAsync(new() { DatabasePath = file, Retention = retention });
            var client = await TemporalClient.ConnectAsync(new(server.Address));
            var described = await client.WorkflowService.DescribeNamespaceAsync(new DescribeNamespaceRequest { Namespace = server.Namespace });
            return described.Config.WorkflowExecutionRetentionTtl.ToTimeSpan();
        }
    }
}
