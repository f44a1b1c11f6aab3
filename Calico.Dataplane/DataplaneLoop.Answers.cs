using System.Text;
using Calico.Felix.Output;

namespace Calico.Dataplane;

/// <content>What it tells others.</content>
public sealed partial class DataplaneLoop
{
    private void Answer()
    {
        foreach (var withdraw in _withdrawing)
        {
            withdraw.Done.TrySetResult();
        }
        _withdrawing.Clear();
        if (!_isReconciled)
        {
            return;
        }
        foreach (var publish in _publishing)
        {
            // Null: withdrawn or superseded meanwhile.
            publish.Done.TrySetResult(_translator.Find(publish.Endpoint.Id)?.Gate switch
            {
                EndpointGate.Open => EndpointState.Enforced,
                EndpointGate.NotLabelled => EndpointState.Closed,
                _ => EndpointState.Gone,
            });
        }
        _publishing.Clear();
    }

    private string Describe(WorkloadEndpointId id)
    {
        var endpoint = _translator.Find(id) ?? throw new CalicoException(Problem.NotFound, $"nothing is enforced for {id}");
        var text = new StringBuilder();
        text.AppendLine($"{id} {endpoint.InterfaceName} {(endpoint.Gate == EndpointGate.Open ? "enforced" : "closed: labels are still to come")}");
        foreach (var (direction, program) in new[] { ("ingress", endpoint.Ingress), ("egress", endpoint.Egress) })
        {
            text.AppendLine($"{direction}:");
            foreach (var line in program.ToText(_translator.FindList).Split('\n'))
            {
                text.AppendLine($"  {line}");
            }
        }
        return text.ToString();
    }

    private void Report(string? error)
    {
        var status = _status with
        {
            InSync = error is null && _isReconciled,
            EnforcedRevision = error is null && _isReconciled ? _graph.Revision : _status.EnforcedRevision,
            ConfirmedAt = error is null && _isReconciled ? _confirmedAt : _status.ConfirmedAt,
            LastError = error,
            Endpoints = _isReconciled ? _translator.Endpoints.Count : 0,
        };
        if (status != _status)
        {
            _status = status;
            Changed?.Invoke(this, EventArgs.Empty);
        }
    }
}
