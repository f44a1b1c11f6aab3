using System.Text;
using Calico.Cli;
using Calico.Datastore.Etcd;
using Microsoft.Extensions.Logging.Abstractions;

// The streams themselves: the console's own would set the terminal up, which nothing here needs, and costs start-up time.
var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
using var output = new StreamWriter(Console.OpenStandardOutput(), utf8, bufferSize: 16 * 1024);
using var error = new StreamWriter(Console.OpenStandardError(), utf8, bufferSize: 512) { AutoFlush = true };

// Ctrl-C ends the process as it is: every write is one transaction, and a handler would cost a thread at each start.
return await CliApplication.RunAsync(args, new CliEnvironment
{
    Output = output,
    Error = error,
    Input = new StreamReader(Console.OpenStandardInput(), utf8),
    Variable = Environment.GetEnvironmentVariable,
    VariableNames = () => Environment.GetEnvironmentVariables().Keys.Cast<string>(),
    OpenStore = settings => new EtcdStore(settings.Etcd, TimeProvider.System, NullLogger.Instance),
    Width = () => Console.IsOutputRedirected ? null : Console.WindowWidth,
}, CancellationToken.None);
