using Calico.Cli;
using Calico.Cli.Connection;
using Calico.TestKit.Store;

namespace Calico.UnitTests.Cli;

/// <summary>Runs command lines against a store in memory.</summary>
internal sealed class CliRun
{
    internal InMemoryStore Store { get; } = new();

    internal Dictionary<string, string> Environment { get; } = [];

    internal StoreSettings? Settings { get; private set; }

    /// <summary>What is opened instead of <see cref="Store"/>.</summary>
    internal Calico.Datastore.Store.IKeyValueStore? Opened { get; init; }

    internal int? Width { get; init; }

    internal string? HostSocket { get; set; } = "/nonexistent/host.sock";

    internal TimeProvider Time { get; set; } = TimeProvider.System;

    internal string HostsFile { get; init; } = "/nonexistent/calico.cfg";

    internal string ClientsFile { get; init; } = "/nonexistent/calicoctl.cfg";

    internal string Output { get; private set; } = "";

    internal string Error { get; private set; } = "";

    internal async Task<int> RunAsync(string input, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        using var reader = new StringReader(input);
        Settings = null;
        var code = await CliApplication.RunAsync(arguments, EnvironmentOf(output, error, reader), CancellationToken.None);
        (Output, Error) = (output.ToString(), error.ToString());
        return code;
    }

    internal CliEnvironment EnvironmentOf(TextWriter output, TextWriter error, TextReader input) => new()
    {
        Output = output,
        Error = error,
        Input = input,
        Variable = Environment.GetValueOrDefault,
        VariableNames = () => Environment.Keys,
        HostsFile = HostsFile,
        ClientsFile = ClientsFile,
        OpenStore = settings =>
        {
            Settings = settings;
            return Opened ?? Store;
        },
        HostSocket = HostSocket,
        Time = Time,
        Width = () => Width,
    };
}
