using System.Globalization;
using Calico;
using Calico.Datastore.Output;
using Calico.Host;
using Calico.Host.Commands;

// Values of the store and of callers reach the log; they are shown there, not obeyed.
Console.SetError(new EscapingWriter(Console.Error));
try
{
    return await HostCommands.RunAsync(args);
}
catch (CalicoException e)
{
    // What a person has to mend: one line, the field first when there is one.
    var field = e.Path is { Length: > 0 } path && !e.Message.Contains(path, StringComparison.Ordinal) ? $"{path}: " : "";
    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"calico-host: {field}{e.Message}"));
    return e.IsTransient ? 75 : 1;
}
catch (Exception e)
{
    // The last edge: a fault of ours, and said as one.
    Console.Error.WriteLine($"calico-host: an error nobody expected, please report it: {e}");
    return 70;
}
