using Baton.Conformance.Kill;

// The kill tests need workers in processes of their own to kill; this assembly is they.
if (args is [KillWorker.Argument, var address, var taskQueue, var ledger])
{
    await KillWorker.RunAsync(address, taskQueue, ledger);
    return 0;
}
if (args is [FlowKillWorker.Argument, var server, var queue])
{
    await FlowKillWorker.RunAsync(server, queue);
    return 0;
}
return args.Contains("--server") || args.Contains("--internal-msbuild-node")
    ? await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, Baton.Conformance.SelfRegisteredExtensions.AddSelfRegisteredExtensions)
    : await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
