{{- define "shutterlag.labels" -}}
app.kubernetes.io/name: shutterlag
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
