using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Baton.Server.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Baton.Server.Tests.Tasks;

internal static class TaskTestServer
{
    public static Task<JsonElement> GetAsync(this TestServer server, string path) => SendAsync(server, HttpMethod.Get, path, null);

    public static Task<JsonElement> PostAsync(this TestServer server, string path, string json) => SendAsync(server, HttpMethod.Post, path, json);

    /// <summary>Leaves timers and messages of tasks to the test.</summary>
    public static async Task StopBackgroundAsync(this TestServer server)
    {
        foreach (var service in server.Server.Services.GetServices<IHostedService>().Where(service => service is TaskMessenger or TaskClock or TaskOrphans))
        {
            await service.StopAsync(default);
        }
    }

    private static async Task<JsonElement> SendAsync(TestServer server, HttpMethod method, string path, string? json)
    {
        using var request = new HttpRequestMessage(method, $"api/v1/{path}") { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
        using var response = await server.Http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }
}
